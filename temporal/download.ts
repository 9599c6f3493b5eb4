import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'

/** Where Temporal publishes its CLI; `/v<version>?platform=…&arch=…` gives an archive. */
export const OFFICIAL_ARCHIVE = 'https://temporal.download/cli/archive'

const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' }

/**
 * Downloads the official archive of the Temporal CLI and unpacks its `temporal` into `folder`; returns its path.
 * Gives up when nothing arrives for `idleTimeoutMs`.
 *
 * The SDK can download the CLI too, but only by starting a server with the native runtime, of which a process has one
 * and which the worker wants to install with its own settings.
 */
export async function downloadTemporal(options: {
  url: string
  version: string
  folder: string
  idleTimeoutMs: number
}): Promise<string> {
  const { version, idleTimeoutMs } = options
  const arch = ARCHITECTURES[process.arch]
  if (arch === undefined) throw new Error(`Temporal publishes no CLI for ${process.platform} on ${process.arch}`)
  const url = `${options.url}/v${version}?platform=${process.platform}&arch=${arch}`
  const path = join(options.folder, 'temporal')

  const idle = new AbortController()
  const giveUp = () => idle.abort(new Error(`nothing arrived from ${url} for ${idleTimeoutMs / 1000} s`))
  const timer = setTimeout(giveUp, idleTimeoutMs)
  try {
    const response = await fetch(url, { signal: idle.signal })
    if (!response.ok || !response.body) throw new Error(`${url} answered ${response.status}`)
    const body = Readable.fromWeb(response.body)
    body.on('data', () => timer.refresh())
    const hasBinary = await unpack(body, path, idle.signal)
    if (!hasBinary) throw new Error(`the archive from ${url} has no file named temporal`)
    return path
  } catch (error) {
    throw idle.signal.aborted ? idle.signal.reason : error
  } finally {
    clearTimeout(timer)
  }
}

async function unpack(archive: Readable, path: string, signal: AbortSignal): Promise<boolean> {
  const entries = extract()
  const reading = pipeline(archive, createGunzip(), entries, { signal })
  // What goes wrong in it reaches the loop below as well, by way of the entries.
  reading.catch(() => {})
  let hasBinary = false
  for await (const entry of entries) {
    if (entry.header.name.replace(/^\.\//, '') === 'temporal' && entry.header.type === 'file') {
      await pipeline(entry, createWriteStream(path, { mode: 0o755 }))
      hasBinary = true
    }
    entry.resume()
  }
  await reading
  return hasBinary
}

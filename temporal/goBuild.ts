import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const BUILD_TIMEOUT_MS = 30 * 60 * 1000
const REPORTED_PACKAGES = 200

/**
 * Builds the Temporal CLI with `go install` into `folder`, and returns its path. Downloads what it needs through Go's
 * module proxy. Throws with the last lines of Go's output when it fails.
 */
export async function buildTemporal(options: {
  go: string
  version: string
  folder: string
  onProgress(line: string): void
}): Promise<string> {
  const { go, version, folder, onProgress } = options
  // env adds to the environment as it is, so that a proxy or a toolchain that the user has set for Go counts.
  const environment = [`GOBIN=${folder}`, 'CGO_ENABLED=0']
  // Without -X it would call itself 0.0.0-DEV; -s and -w leave out what only a debugger needs.
  const flags = ['-v', `-ldflags=-s -w -X github.com/temporalio/cli/temporalcli.Version=${version}`]
  const module = `github.com/temporalio/cli/cmd/temporal@v${version}`
  const child = spawn('env', [...environment, go, 'install', ...flags, module], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: BUILD_TIMEOUT_MS,
  })
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  // A command that cannot be started is reported while the output is still being read.
  ended.catch(() => {})

  const last: string[] = []
  let downloads = 0
  let packages = 0
  for await (const line of createInterface({ input: child.stderr })) {
    if (last.push(line) > 5) last.shift()
    if (line.startsWith('go: downloading ')) {
      if (downloads++ === 0) onProgress('go: downloading modules')
    } else if (++packages % REPORTED_PACKAGES === 0) {
      onProgress(`go: ${packages} packages compiled`)
    }
  }
  const [code, signal] = await ended
  if (code !== 0) {
    throw new Error(`go install ended with ${signal ?? `code ${code}`}: ${last.join(' | ') || 'no output'}`)
  }
  return join(folder, 'temporal')
}

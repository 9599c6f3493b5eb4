import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, createReadStream } from 'node:fs'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { ChannelBrokenError, dispatcherArguments, outputFile } from './channel.ts'
import { ChannelLine } from './channelLine.ts'
import type { Walls } from './folderProvider.ts'
import { packFolder } from './folderTar.ts'
import { SandboxError, type Sandbox } from './port.ts'

/** What a sandbox's folder says of it. */
export interface FolderSandboxRecord {
  format: 'prchain.folder-sandbox/1'
  life: string
  /** The boot of the host in which it was made. */
  boot: string
  labels: Record<string, string>
  env: Record<string, string>
}

const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/bin'

/** A sandbox that is a folder of this host, over the line to its dispatcher. Two of them for one folder are one sandbox. */
export function openFolderSandbox(options: {
  name: string
  folder: string
  /** The folder of its repository, home and temporary files. */
  parts: string
  /** Where the repository stands, as commands see it. */
  inside: string
  record: FolderSandboxRecord
  line: ChannelLine
  /** Whether the folder still holds this life of the sandbox. */
  isAlive: () => Promise<boolean>
  walls: Pick<Walls, 'isIsolating'>
}): Sandbox {
  const { name, folder, parts, inside, record, line, isAlive, walls } = options
  const what = `sandbox ${name}`
  const repository = join(parts, 'repo')

  const requireLife = async () => {
    if (await isAlive()) return
    throw new SandboxError('lost', `${what}: its folder ${folder} is gone or was made anew; make a new sandbox`)
  }
  const translated = async <T>(doing: string, work: () => Promise<T>): Promise<T> => {
    await requireLife()
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof ChannelBrokenError)) throw error
      await requireLife()
      throw new SandboxError('unreachable', `${what}: no answer for ${doing} (${error.message}); ask again`, {
        cause: error,
      })
    }
  }

  return {
    name,
    life: record.life,
    async exec(key, command, signal) {
      signal.throwIfAborted()
      const placed = { ...command, cwd: join(inside, command.cwd ?? '.') }
      const execution = await translated(`command ${key}`, () => line.execute(key, placed, signal))
      switch (execution.status) {
        case 'finished':
          return execution.outcome
        case 'lost':
          await requireLife()
          throw new SandboxError(
            'lost',
            `${what}: command ${key} was killed together with what watched over it; make a new sandbox`,
          )
        case 'full':
          throw new SandboxError('unreachable', `${what}: no room for the record of command ${key}; free some`)
        default:
          throw new Error(`no such status: ${JSON.stringify(execution satisfies never)}`)
      }
    },
    readOutput: (key) =>
      translated(`the output of command ${key}`, async () => {
        const output = await line.readOutput(key)
        if (output === null)
          throw new SandboxError('lost', `${what}: the output of command ${key} was forgotten, or there was none`)
        if (output.status === 'whole') return Readable.from([output.bytes])
        return createReadStream(join(folder, 'jobs', outputFile(key)), { end: output.sizeBytes - 1 })
      }),
    forgetOutput: (key) => translated(`the output of command ${key}`, () => line.forgetOutput(key)),
    async putRepository(tar) {
      await requireLife()
      await line.exclusively(() => layTar(repository, tar, what))
    },
    async readRepository() {
      await requireLife()
      const whole = async function* () {
        yield* packFolder(repository) as AsyncIterable<Buffer>
        // What is removed while it is read leaves a tar that looks whole.
        await requireLife()
      }
      return Readable.from(whole(), { objectMode: false })
    },
    async readFile(file, limitBytes) {
      // Within walls the agent's links lead no further than it can itself; without, its files are the host's anyway.
      if (walls.isIsolating) return translated(`reading ${file}`, () => line.readFile(file, limitBytes))
      await requireLife()
      return readFileHead(file, limitBytes)
    },
  }
}

async function layTar(repository: string, tar: Readable, what: string): Promise<void> {
  await rm(repository, { recursive: true, force: true })
  await mkdir(repository)
  const unpack = spawn('tar', ['-C', repository, '-xpf', '-', '--no-same-owner'], { env: { PATH: SYSTEM_PATH } })
  const ended = new Promise<number | null>((resolve, reject) => unpack.once('error', reject).once('close', resolve))
  const [code, complaint] = await Promise.all([ended, text(unpack.stderr), pipeline(tar, unpack.stdin)])
  if (code !== 0) throw new Error(`${what}: tar could not lay the repository (exit code ${code}): ${complaint}`)
}

/** Starts the dispatcher of a sandbox on this host: detached, so that what ends the worker's group leaves commands alone. */
export function openLocalLine(options: {
  folder: string
  env: Record<string, string>
  path: string
  userSwitch: readonly string[]
}): ChannelLine {
  const { folder, env, path, userSwitch } = options
  const scope = { kind: 'folder', folder } as const
  const args = dispatcherArguments({ jobs: join(folder, 'jobs'), env, userSwitch, scope })
  return new ChannelLine({
    async open() {
      const child = spawn('bash', ['--norc', ...args], { detached: true, cwd: '/', env: { PATH: path } })
      await once(child, 'spawn')
      let said = ''
      child.stderr.setEncoding('utf8').on('data', (more: string) => (said = (said + more).slice(-4_000)))
      const held = [child, child.stdin, child.stdout, child.stderr] as unknown as { ref(): void; unref(): void }[]
      return {
        stdin: child.stdin,
        stdout: child.stdout,
        stderr: () => said,
        hold: (isHeld) => held.forEach((one) => (isHeld ? one.ref() : one.unref())),
        close: () => child.stdin.destroy(),
      }
    },
  })
}

async function readFileHead(path: string, limitBytes: number): Promise<Buffer | null> {
  try {
    // Without O_NONBLOCK a pipe would be waited for.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stat = await file.stat()
    if (!stat.isFile()) return null
    const bytes = Buffer.alloc(Math.min(limitBytes, stat.size))
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    return bytes.subarray(0, bytesRead)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENXIO') return null
    throw error
  }
}

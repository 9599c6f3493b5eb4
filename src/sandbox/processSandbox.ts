import { spawn } from 'node:child_process'
import { constants, createReadStream } from 'node:fs'
import { chown, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { ChannelBrokenError, outputFile } from './channel.ts'
import type { ChannelLine } from './channelLine.ts'
import { packFolder } from './folderTar.ts'
import { SandboxError, type CommandOutcome, type Sandbox } from './port.ts'
import { removeFolder } from './processFolder.ts'

const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/bin'

/** A sandbox of processes, over the line to its dispatcher. Two of them for one folder are one sandbox. */
export function openProcessSandbox(options: {
  name: string
  folder: string
  life: string
  line: ChannelLine
  /** Whether the folder still holds this life of the sandbox. */
  isAlive: () => Promise<boolean>
  /** Where the repository stands on the host. */
  repository: string
  /** What differs where commands do not run as the worker's own processes. */
  inside?: {
    /** Where commands see the repository. */
    repository: string
    /** Who owns the repository's files; null for the worker's own user. */
    uid: number | null
    /** What is known of a finished command beside its outcome. Throws {@link SandboxError} `lost` when it never ran. */
    complete: (key: string, outcome: CommandOutcome) => Promise<CommandOutcome>
  }
}): Sandbox {
  const { name, folder, life, line, isAlive, repository, inside } = options
  const what = `sandbox ${name}`

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
    life,
    async exec(key, command, signal) {
      signal.throwIfAborted()
      const placed = { ...command, cwd: join(inside?.repository ?? repository, command.cwd ?? '.') }
      const execution = await translated(`command ${key}`, () => line.execute(key, placed, signal))
      switch (execution.status) {
        case 'finished':
          return inside ? inside.complete(key, execution.outcome) : execution.outcome
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
      await line.exclusively(() => layTar({ repository, tar, what, uid: inside?.uid ?? null }))
    },
    async readRepository() {
      await requireLife()
      const whole = async function* () {
        yield* packFolder(repository) as AsyncIterable<Buffer>
        // What is removed while it is read leaves a tar that looks whole.
        await requireLife()
      }
      return Readable.from(inside ? alone(line, whole()) : whole(), { objectMode: false })
    },
    async readFile(file, limitBytes) {
      if (inside) return translated(`the file ${file}`, () => line.readFile(file, limitBytes))
      await requireLife()
      return readFileHead(file, limitBytes)
    },
  }
}

/**
 * Gives what a source gives while no command runs: a command could put a link where a folder was, and so lead the worker, which
 * may be root, to files of the host.
 */
async function* alone(line: ChannelLine, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const { promise: read, resolve: end } = Promise.withResolvers<void>()
  const turn = line.exclusively(async () => {
    begin()
    await read
  })
  await begun
  try {
    yield* source
  } finally {
    end()
    await turn
  }
}

async function layTar(options: { repository: string; tar: Readable; what: string; uid: number | null }): Promise<void> {
  const { repository, tar, what, uid } = options
  await removeFolder(repository)
  await mkdir(repository)
  if (uid !== null) await chown(repository, uid, uid)
  const asOwner = uid === null ? [] : ['setpriv', '--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups']
  const [program, ...args] = [...asOwner, 'tar', '-xpf', '-', '--no-same-owner']
  const unpack = spawn(program, args, { cwd: repository, env: { PATH: SYSTEM_PATH } })
  const ended = new Promise<number | null>((resolve, reject) => unpack.once('error', reject).once('close', resolve))
  const laid = pipeline(tar, unpack.stdin)
  const [code, complaint] = await Promise.all([
    ended,
    text(unpack.stderr),
    // What tar says of it is worth more than that it stopped reading, which it does at the archive's end.
    laid.catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
    }),
  ])
  if (code !== 0) throw new Error(`${what}: tar could not lay the repository (exit code ${code}): ${complaint}`)
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

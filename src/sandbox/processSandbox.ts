import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { packFolder } from './folderTar.ts'
import { SandboxError, type Sandbox } from './port.ts'
import { parseAnswer, runnerArguments, runnerInput } from './runner.ts'

/** What a sandbox's folder says of it. */
export interface ProcessSandboxRecord {
  format: 'prchain.process-sandbox/1'
  life: string
  /** The boot of the host in which it was made. */
  boot: string
  labels: Record<string, string>
  env: Record<string, string>
}

/** A sandbox of plain processes. Keeps nothing of its own: two of them for one folder are one sandbox. */
export function openProcessSandbox(options: {
  name: string
  folder: string
  record: ProcessSandboxRecord
  /** The `PATH` of commands. */
  path: string
  /** Whether the folder still holds this life of the sandbox. */
  isAlive: () => Promise<boolean>
}): Sandbox {
  const { name, folder, record, path, isAlive } = options
  const what = `sandbox ${name}`
  const repository = join(folder, 'repo')
  const base = {
    PATH: path,
    HOME: join(folder, 'home'),
    TMPDIR: join(folder, 'tmp'),
    LANG: 'C.UTF-8',
  }
  const env = { ...base, TZ: 'UTC', PYTHONHASHSEED: '0', ...record.env }

  const requireLife = async () => {
    if (await isAlive()) return
    throw new SandboxError('lost', `${what}: its folder ${folder} is gone or was made anew; make a new sandbox`)
  }

  return {
    name,
    life: record.life,
    async exec(key, command, signal) {
      signal.throwIfAborted()
      await requireLife()
      const place = {
        jobs: join(folder, 'jobs'),
        folder: join(repository, command.cwd ?? '.'),
        env,
        userSwitch: [],
      }
      // Detached: what ends the worker's process group must not end the runner between two steps.
      const runner = spawn('/bin/sh', runnerArguments(key, command, place), {
        env: base,
        cwd: folder,
        detached: true,
      })
      const { printed, complaint } = await readUntilAborted(runner, runnerInput(command), signal)
      const answer = parseAnswer(printed)
      if (answer.status === 'finished') return answer.outcome
      await requireLife()
      if (answer.status === 'lost') {
        throw new SandboxError(
          'lost',
          `${what}: command ${key} was killed together with what watched over it; make a new sandbox`,
        )
      }
      throw new SandboxError(
        'unreachable',
        `${what}: no answer for command ${key} (${complaint}); ask again to attach to it`,
      )
    },
    async putRepository(tar) {
      await requireLife()
      await rm(repository, { recursive: true, force: true })
      await mkdir(repository)
      const unpack = spawn('tar', ['-C', repository, '-xpf', '-', '--no-same-owner'], {
        env: base,
      })
      const ended = new Promise<number | null>((resolve, reject) => unpack.once('error', reject).once('close', resolve))
      const [code, complaint] = await Promise.all([ended, text(unpack.stderr), pipeline(tar, unpack.stdin)])
      if (code !== 0) throw new Error(`${what}: tar could not lay the repository (exit code ${code}): ${complaint}`)
    },
    async readRepository() {
      await requireLife()
      return packFolder(repository)
    },
    async readFile(file, limitBytes) {
      await requireLife()
      return readFileHead(file, limitBytes)
    },
  }
}

/** Feeds a runner and reads what it prints to the end. When aborted, leaves it and throws the signal's reason. */
async function readUntilAborted(
  runner: ReturnType<typeof spawn>,
  input: Buffer,
  signal: AbortSignal,
): Promise<{ printed: Buffer; complaint: string }> {
  const { stdin, stdout, stderr } = runner
  if (!stdin || !stdout || !stderr) throw new Error('the runner was started without its streams')
  const { promise: isAborted, reject } = Promise.withResolvers<never>()
  const stop = () => {
    runner.kill('SIGKILL')
    for (const stream of [stdin, stdout, stderr]) stream.destroy()
    reject(signal.reason)
  }
  // A runner that ended early does not read on; what it printed says why.
  stdin.on('error', () => {})
  runner.once('error', reject)
  signal.addEventListener('abort', stop, { once: true })
  try {
    stdin.end(input)
    const read = Promise.all([buffer(stdout), text(stderr)])
    read.catch(() => {})
    const [printed, complaint] = await Promise.race([read, isAborted])
    return { printed, complaint: complaint.trim() }
  } finally {
    signal.removeEventListener('abort', stop)
  }
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

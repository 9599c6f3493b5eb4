import type { Readable, Writable } from 'node:stream'
import { DISPATCHER } from './channelScript.ts'
import { QUEUE } from './channelTakeOver.ts'
import { FILE_LIMIT_BYTES, OUTPUT_LIMIT_BYTES, type Command, type CommandOutcome } from './port.ts'
import { SCRIPT_READER, jobFolder } from './runner.ts'

/** Up to this many bytes, and without a zero byte, bash itself reads and writes a text. */
const TEXT_LIMIT_BYTES = 16_384
const BLOCK_BYTES = 1024
/** How long a dispatcher may take to begin: it waits for others that take over, each for milliseconds. */
const BEGIN_MS = 60_000
/** No frame's first line is longer: 20 names, numbers, a key's folder. */
const LINE_LIMIT_BYTES = 4096
const LINE_END = 10

/** Where and as whom a dispatcher runs commands. */
export interface DispatcherPlace {
  /** The folder of records, by absolute path, which the agent cannot reach where that can be. Made when absent. */
  jobs: string
  /** All the variables that commands see. */
  env: Record<string, string>
  /** A program with arguments that runs the rest of its arguments as the agent; empty for none. */
  userSwitch: readonly string[]
  /**
   * Which processes a command has left when it ends: all of a user; or those of its session and those whose `HOME`,
   * `TMPDIR` or working folder is below a folder, where the dispatcher itself must have neither of them; or those in
   * whose file system a path is a certain folder, as inside a mount namespace.
   */
  scope:
    | { kind: 'user'; uid: number }
    | { kind: 'folder'; folder: string }
    | { kind: 'mount'; path: string; folder: string }
}

/** The arguments by which `bash` becomes a sandbox's dispatcher: see {@link Channel}. */
export function dispatcherArguments(place: DispatcherPlace): string[] {
  const { jobs, env, userSwitch, scope } = place
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const prefix = [...userSwitch, 'env', '-i', '-C']
  return [
    ...['-c', QUEUE, 'prchain-queue', jobs, DISPATCHER],
    ...[scope.kind, scopeArgument(scope)],
    ...[OUTPUT_LIMIT_BYTES, TEXT_LIMIT_BYTES, FILE_LIMIT_BYTES / BLOCK_BYTES, prefix.length].map(String),
    ...[...prefix, ...variables, 'bash', '-c', SCRIPT_READER],
  ]
}

function scopeArgument(scope: DispatcherPlace['scope']): string {
  if (scope.kind === 'user') return String(scope.uid)
  return scope.kind === 'folder' ? scope.folder : `${scope.path}:${scope.folder}`
}

/** The file of a finished command's whole output, in the folder of records. */
export function outputFile(key: string): string {
  return `${jobFolder(key)}.output`
}

/** The two ends of a dispatcher that was started, and how it is let go. */
export interface DispatcherStreams {
  stdin: Writable
  stdout: Readable
  /** The end of what it said on stderr, for messages. */
  stderr: () => string
  /** Whether it is to keep this process alive: while it is used it does, while it idles it does not. */
  hold: (isHeld: boolean) => void
  /** Lets go of it. It ends by itself when its input does; what it has started goes on. */
  close: () => void
}

/** How a key's command stands: `lost` when its supervisor was killed, `full` when the records' disk has no room. */
export type Execution = { status: 'finished'; outcome: CommandOutcome } | { status: 'lost' } | { status: 'full' }

/** A finished command's output, when it is no longer than an outcome's; its size alone when it is; null when there is none. */
export type StoredOutput = { status: 'whole'; bytes: Buffer } | { status: 'large'; sizeBytes: number } | null

/** The channel broke off: its dispatcher was ended, or what lies between. Nothing that it had started is harmed. */
export class ChannelBrokenError extends Error {
  override name = 'ChannelBrokenError'
}

interface Frame {
  kind: string
  rest: string
  body: Buffer
}

/**
 * One live dispatcher: requests with ids go to its input (a line, then bytes), framed answers come from its output
 * (`id kind length rest`, so many bytes, and a line end). Once it breaks, every request fails with {@link ChannelBrokenError}.
 */
export class Channel {
  /** The record name of the command that was running when the dispatcher began, or null. */
  readonly running: Promise<string | null>
  #streams: DispatcherStreams
  #pending = new Map<number, { resolve: (frame: Frame) => void; reject: (error: Error) => void }>()
  #nextId = 1
  #chunks: Buffer[] = []
  #sizeBytes = 0
  #frame: { id: number; kind: string; rest: string; length: number } | null = null
  #failure: ChannelBrokenError | null = null
  #isClosed = false

  constructor(streams: DispatcherStreams) {
    this.#streams = streams
    this.running = this.#expect(0).then(({ rest }) => (rest === '-' ? null : rest))
    const giveUp = () => this.#break(`the dispatcher did not begin within ${BEGIN_MS / 1000} s`)
    const late = setTimeout(giveUp, BEGIN_MS)
    const begun = () => clearTimeout(late)
    this.running.then(begun, begun)
    const breakOff = (cause?: unknown) => this.#break('the connection to the dispatcher broke off', cause)
    streams.stdin.on('error', breakOff)
    streams.stdout.on('error', breakOff).on('end', breakOff).on('close', breakOff)
    streams.stdout.on('data', (chunk: Buffer) => this.#read(chunk))
  }

  /** Whether it broke off without having been closed. */
  get isBroken(): boolean {
    return this.#failure !== null && !this.#isClosed
  }

  get isOpen(): boolean {
    return this.#failure === null
  }

  /** Whether it is to keep this process alive. */
  hold(isHeld: boolean): void {
    if (this.#failure === null) this.#streams.hold(isHeld)
  }

  /** Lets go of the dispatcher. Requests under way fail; what runs goes on. */
  close(): void {
    this.#isClosed = true
    this.#break('the channel was closed')
  }

  /** Starts a key's command, whose `cwd` is absolute, or attaches to it. No other key's command may be under way. */
  async execute(key: string, command: Command): Promise<Execution> {
    const parts = [command.cwd ?? '.', command.script, command.stdin ?? ''].map((text) => Buffer.from(text))
    const [cwd, script, stdin] = parts as [Buffer, Buffer, Buffer]
    const sizes = [cwd.length, kindOf(script), script.length, kindOf(stdin), stdin.length]
    const frame = await this.#ask(`exec ${jobFolder(key)} ${command.timeoutMs} ${sizes.join(' ')}`, parts)
    return parseExecution(frame)
  }

  /** Waits for the end of a command by its record's name. */
  async waitFor(job: string): Promise<void> {
    await this.#ask(`wait ${job}`)
  }

  async readOutput(key: string): Promise<StoredOutput> {
    const { kind, rest, body } = await this.#ask(`output ${jobFolder(key)}`)
    if (kind === 'bytes') return { status: 'whole', bytes: body }
    return kind === 'large' ? { status: 'large', sizeBytes: Number(rest) } : null
  }

  async forgetOutput(key: string): Promise<void> {
    await this.#ask(`forget ${jobFolder(key)}`)
  }

  /** A regular file's head, read as the agent; null when there is none. */
  async readFile(path: string, limitBytes: number): Promise<Buffer | null> {
    const name = Buffer.from(path)
    if (name.includes(0)) return null
    const { kind, rest, body } = await this.#ask(`read ${limitBytes} ${name.length}`, [name])
    if (kind === 'failed') throw new Error(`reading ${path} as the agent ended with ${rest}`)
    return kind === 'bytes' ? body : null
  }

  async #ask(line: string, payload: Buffer[] = []): Promise<Frame> {
    if (this.#failure) throw this.#failure
    const id = this.#nextId++
    const answer = this.#expect(id)
    this.#streams.stdin.write(Buffer.concat([Buffer.from(`${id} ${line}\n`), ...payload]))
    return answer
  }

  #expect(id: number): Promise<Frame> {
    const { promise, resolve, reject } = Promise.withResolvers<Frame>()
    this.#pending.set(id, { resolve, reject })
    return promise
  }

  #break(reason: string, cause?: unknown): void {
    if (this.#failure) return
    const said = this.#streams.stderr()
    this.#failure = new ChannelBrokenError(said === '' ? reason : `${reason}: ${said}`, { cause })
    this.#streams.close()
    for (const { reject } of this.#pending.values()) reject(this.#failure)
    this.#pending.clear()
  }

  #read(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#sizeBytes += chunk.length
    while (this.#failure === null && this.#takeFrame());
  }

  /** Takes one frame from what has arrived, and says whether there was one. */
  #takeFrame(): boolean {
    if (this.#frame && this.#sizeBytes <= this.#frame.length) return false
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    const keep = (rest: Buffer) => {
      this.#chunks = rest.length === 0 ? [] : [rest]
      this.#sizeBytes = rest.length
    }
    if (!this.#frame) {
      const end = bytes.indexOf(LINE_END)
      keep(bytes)
      if (end === -1 && bytes.length < LINE_LIMIT_BYTES) return false
      const fields = /^(\d+) ([a-z]+) (\d+) ?(.*)$/.exec(bytes.toString('latin1', 0, Math.max(end, 0)))
      if (!fields) {
        this.#break(`the dispatcher said what it cannot say: ${JSON.stringify(bytes.toString('latin1', 0, 200))}`)
        return false
      }
      const [, id, kind = '', length, rest = ''] = fields
      this.#frame = { id: Number(id), kind, length: Number(length), rest }
      keep(bytes.subarray(end + 1))
      return true
    }
    const { id, kind, rest, length } = this.#frame
    this.#frame = null
    if (bytes[length] !== LINE_END) {
      this.#break('the frames of the dispatcher ran into each other')
      return false
    }
    keep(bytes.subarray(length + 1))
    if (kind === 'taken') {
      this.#break('another dispatcher took over')
      return false
    }
    this.#pending.get(id)?.resolve({ kind, rest, body: Buffer.from(bytes.subarray(0, length)) })
    this.#pending.delete(id)
    return true
  }
}

/** Reads a frame that answers `exec`. */
export function parseExecution({ kind, rest, body }: Frame): Execution {
  if (kind === 'lost' || kind === 'full') return { status: kind }
  const fields = /^(\d+) ([01]) (\d+) (\d+) (\d+) ?(.*)$/.exec(rest)
  if (kind !== 'ended' || !fields) {
    throw new ChannelBrokenError(`the dispatcher gave no outcome: ${JSON.stringify(`${kind} ${rest}`)}`)
  }
  const [exitCode = 0, isTimedOut = 0, sizeBytes = 0, startedMs = 0, finishedMs = 0] = fields.slice(1, 6).map(Number)
  const names = fields[6] ?? ''
  return {
    status: 'finished',
    outcome: {
      exitCode,
      isTimedOut: isTimedOut === 1,
      output: body,
      sizeBytes,
      leftRunning: names === '' ? [] : names.split(','),
      startedAt: new Date(startedMs).toISOString(),
      finishedAt: new Date(finishedMs).toISOString(),
    },
  }
}

function kindOf(bytes: Buffer): 'text' | 'bytes' {
  return bytes.length < TEXT_LIMIT_BYTES && !bytes.includes(0) ? 'text' : 'bytes'
}

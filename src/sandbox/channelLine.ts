import { Channel, ChannelBrokenError, type DispatcherStreams, type Execution, type StoredOutput } from './channel.ts'
import { SandboxError, type Command } from './port.ts'
import { jobFolder } from './runner.ts'

/** How long a channel that nobody uses is kept open, in milliseconds. */
const IDLE_MS = 60_000

/**
 * The line to one life of a sandbox: one channel, opened at the first request, closed when it was idle for long, and
 * opened again at the next. Commands go one at a time, in the order in which they were asked for. A channel that was
 * broken off by another, such as a later worker's dispatcher, fails the requests under way, or else the next one, with
 * {@link ChannelBrokenError}, and is opened again only by one after that: time for its caller to be fenced.
 */
export class ChannelLine {
  #open: () => Promise<DispatcherStreams>
  #idleMs: number
  #channel: Promise<Channel> | null = null
  #current: Channel | null = null
  #idle: NodeJS.Timeout | null = null
  #users = 0
  #turn: Promise<unknown> = Promise.resolve()
  #running = new Map<string, Promise<Execution>>()
  #isClosed = false

  /** `open` starts a dispatcher; what it throws goes to the caller whose request needed it. */
  constructor(options: { open: () => Promise<DispatcherStreams>; idleMs?: number }) {
    this.#open = options.open
    this.#idleMs = options.idleMs ?? IDLE_MS
  }

  /**
   * Runs a key's command, whose `cwd` is absolute, or attaches to it. Aborting the signal stops the waiting, throws its reason, and takes back
   * what has not begun. Throws {@link ChannelBrokenError}.
   */
  async execute(key: string, command: Command, signal: AbortSignal): Promise<Execution> {
    signal.throwIfAborted()
    const underWay = this.#running.get(key)
    if (underWay) return untilAborted(underWay, signal)
    let hasBegun = false
    const execution = this.exclusively(async () => {
      if (signal.aborted) throw signal.reason
      hasBegun = true
      return this.#use(async (channel) => {
        const running = await channel.running
        if (running !== null && running !== jobFolder(key)) await channel.waitFor(running)
        return channel.execute(key, command)
      })
    })
    this.#running.set(key, execution)
    const forget = () => {
      if (this.#running.get(key) === execution) this.#running.delete(key)
    }
    execution.then(forget, forget)
    signal.addEventListener('abort', () => hasBegun || forget(), { once: true })
    return untilAborted(execution, signal)
  }

  /** Does a work that no command may run beside, such as laying files. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }

  /** A finished command's output. Throws {@link ChannelBrokenError}. */
  readOutput(key: string): Promise<StoredOutput> {
    return this.#use((channel) => channel.readOutput(key))
  }

  /** Gives the room of a finished command's output back. */
  forgetOutput(key: string): Promise<void> {
    return this.#use((channel) => channel.forgetOutput(key))
  }

  /** A regular file's head, read as the agent; null when there is none. */
  readFile(path: string, limitBytes: number): Promise<Buffer | null> {
    return this.#use((channel) => channel.readFile(path, limitBytes))
  }

  /**
   * Closes the channel for good, because its sandbox is going: requests under way and later ones throw
   * {@link SandboxError} `lost`. What runs in the sandbox goes on.
   */
  close(): void {
    this.#isClosed = true
    this.#letGo()
  }

  async #use<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    this.#users += 1
    if (this.#idle) clearTimeout(this.#idle)
    this.#idle = null
    try {
      const channel = await this.#provide()
      this.#current = channel
      channel.hold(true)
      try {
        return await work(channel)
      } finally {
        // Its breaking was told to this caller: the next may open another, unless one has already.
        if (!channel.isOpen && this.#current === channel) this.#channel = this.#current = null
      }
    } catch (error) {
      if (!this.#isClosed || !(error instanceof ChannelBrokenError)) throw error
      throw new SandboxError('lost', 'the sandbox was removed, or made anew under its name; make a new sandbox', {
        cause: error,
      })
    } finally {
      this.#users -= 1
      if (this.#users === 0 && this.#channel) {
        this.#channel.then(
          (channel) => channel.hold(this.#users > 0),
          () => {},
        )
        this.#idle = setTimeout(() => this.#letGo(), this.#idleMs)
        this.#idle.unref()
      }
    }
  }

  async #provide(): Promise<Channel> {
    if (this.#isClosed) throw new ChannelBrokenError('the sandbox was removed')
    this.#channel ??= this.#open().then((streams) => new Channel(streams))
    const opening = this.#channel
    try {
      const channel = await opening
      await channel.running
      if (channel.isBroken) throw new ChannelBrokenError('another dispatcher took over, or the connection broke off')
      return channel
    } catch (error) {
      if (this.#channel === opening) this.#channel = null
      throw error
    }
  }

  #letGo(): void {
    const channel = this.#channel
    this.#channel = this.#current = null
    channel?.then(
      (open) => open.close(),
      () => {},
    )
  }
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: isAborted, reject } = Promise.withResolvers<never>()
  const stop = () => reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    return await Promise.race([work, isAborted])
  } finally {
    signal.removeEventListener('abort', stop)
    work.catch(() => {})
  }
}

import { statusOf, translateError, type DockerEngine } from './dockerEngine.ts'
import { SandboxError } from './port.ts'

/** How many lines of a failed build or pull an error shows. */
const SHOWN_LINES = 20
/** How much of one of them. */
const SHOWN_CHARACTERS = 600

/** An image to be built. */
export interface Build {
  tag: string
  /** What is being done, for messages. */
  what: string
  /** What to do when it fails, for messages. */
  next: string
  network: string
  /** The Dockerfile's name in the context. */
  dockerfile: string
  buildArguments: Record<string, string>
  /** Gives the context, a tar. */
  context: () => NodeJS.ReadableStream
}

const buildsUnderWay = new Map<string, Promise<void>>()

/** Builds an image, once for an engine and a tag among callers at the same time. Throws {@link SandboxError} `image`. */
export async function buildOnce(engine: DockerEngine, build: Build): Promise<void> {
  const key = `${engine.address} ${build.tag}`
  const underWay = buildsUnderWay.get(key)
  if (underWay) return underWay
  const { tag, network, dockerfile, buildArguments } = build
  const done = follow(engine, build, () =>
    engine.docker.buildImage(build.context(), {
      t: tag,
      dockerfile,
      networkmode: network,
      buildargs: buildArguments,
      rm: true,
      forcerm: true,
      labels: { 'prchain.owner': 'prchain' },
    }),
  )
  buildsUnderWay.set(key, done)
  try {
    await done
  } finally {
    buildsUnderWay.delete(key)
  }
}

/** Waits for a build or a pull to end, and throws `image` with its last lines when it failed. */
export async function follow(
  engine: DockerEngine,
  words: { what: string; next: string },
  start: () => Promise<NodeJS.ReadableStream>,
): Promise<void> {
  let text = ''
  const fail = (reason: string, cause?: unknown) => {
    const lines = text.split('\n').filter((line) => line.trim() !== '')
    const shown = [...lines.slice(-SHOWN_LINES), reason.trim()].map(shorten).join('\n')
    return new SandboxError('image', `${words.what} failed; ${words.next}. It ended with:\n${shown}`, { cause })
  }
  let progress: NodeJS.ReadableStream
  try {
    progress = await start()
  } catch (error) {
    if (statusOf(error) === null) throw translateError(engine, words.what, error)
    throw fail(error instanceof Error ? error.message : String(error), error)
  }
  let failure: string | null = null
  try {
    for await (const event of events(progress)) {
      if (event.error !== undefined) failure = event.error
      else if (event.progress === undefined) text = (text + (event.stream ?? `${event.status ?? ''}\n`)).slice(-65_536)
    }
  } catch (error) {
    throw translateError(engine, words.what, error)
  }
  if (failure !== null) throw fail(failure)
}

/** A text's head and tail. */
function shorten(text: string): string {
  return text.length <= SHOWN_CHARACTERS
    ? text
    : `${text.slice(0, SHOWN_CHARACTERS / 2)} … ${text.slice(-SHOWN_CHARACTERS / 2)}`
}

interface ProgressEvent {
  stream?: string
  status?: string
  progress?: string
  error?: string
}

/** The JSON lines in which the engine tells how a build or a pull goes. */
async function* events(progress: NodeJS.ReadableStream): AsyncGenerator<ProgressEvent> {
  let rest = ''
  progress.setEncoding('utf8')
  for await (const chunk of progress) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as ProgressEvent
  }
}

import { createHash } from 'node:crypto'
import { pack } from 'tar-stream'
import type Docker from 'dockerode'
import type { Environment } from '../formats/environment.ts'
import { statusOf, translateError, type DockerEngine } from './dockerEngine.ts'
import { SandboxError } from './port.ts'

/** How many lines of a failed build or pull an error shows. */
const SHOWN_LINES = 20

/**
 * The image of an environment: the named one, pulled when the engine does not have it, or the Dockerfile's, built
 * once for a text and a network. Idempotent. Throws {@link SandboxError} `image`, `unreachable`, or `invalid` when
 * the environment names neither.
 */
export async function provideImage(
  engine: DockerEngine,
  environment: Environment | null,
  defaultImage: string | null,
): Promise<string> {
  if (environment?.dockerfile !== undefined) {
    return provideBuild(engine, environment.dockerfile, environment.buildNetwork)
  }
  const image = environment?.image ?? defaultImage
  if (image === null) {
    throw new SandboxError(
      'invalid',
      'a Docker sandbox needs an image: give an environment file with `image` or `dockerfile`',
    )
  }
  if (!(await hasImage(engine, image))) await pullImage(engine, image)
  return image
}

/** The tag of a Dockerfile's image. */
export function environmentTag(dockerfile: string, network: Environment['buildNetwork']): string {
  const digest = createHash('sha256').update(`${network}\n${dockerfile}`).digest('hex')
  return `prchain-environment:${digest.slice(0, 16)}`
}

const buildsUnderWay = new Map<string, Promise<void>>()

async function provideBuild(
  engine: DockerEngine,
  dockerfile: string,
  network: Environment['buildNetwork'],
): Promise<string> {
  const tag = environmentTag(dockerfile, network)
  if (await hasImage(engine, tag)) return tag
  const key = `${engine.address} ${tag}`
  const build = buildsUnderWay.get(key) ?? buildImage(engine, dockerfile, network, tag)
  buildsUnderWay.set(key, build)
  try {
    await build
  } finally {
    buildsUnderWay.delete(key)
  }
  return tag
}

async function buildImage(
  engine: DockerEngine,
  dockerfile: string,
  network: Environment['buildNetwork'],
  tag: string,
): Promise<void> {
  const context = pack()
  context.entry({ name: 'Dockerfile' }, dockerfile)
  context.finalize()
  const what = `building the environment's Dockerfile as ${tag}`
  const next = `correct the Dockerfile, or its buildNetwork, which is ${network}`
  await follow(engine, { what, next }, () =>
    engine.docker.buildImage(context as unknown as NodeJS.ReadableStream, {
      t: tag,
      networkmode: network,
      rm: true,
      forcerm: true,
      labels: { 'prchain.owner': 'prchain' },
    }),
  )
}

async function pullImage(engine: DockerEngine, image: string): Promise<void> {
  // Without a tag or a digest the engine would pull every tag there is.
  const isTagged = /[:@][^/]*$/.test(image)
  const next = `check the name, or bring the image to the engine at ${engine.address} by docker pull or docker load`
  await follow(engine, { what: `pulling the image ${image}`, next }, () =>
    engine.docker.pull(isTagged ? image : `${image}:latest`),
  )
}

/** Waits for a build or a pull to end, and throws `image` with its last lines when it failed. */
async function follow(
  engine: DockerEngine,
  words: { what: string; next: string },
  start: () => Promise<NodeJS.ReadableStream>,
): Promise<void> {
  let text = ''
  const fail = (reason: string, cause?: unknown) => {
    const lines = `${text}\n${reason}`.split('\n').filter((line) => line.trim() !== '')
    const shown = lines.slice(-SHOWN_LINES).join('\n')
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

async function hasImage(engine: DockerEngine, name: string): Promise<boolean> {
  try {
    const image: Docker.ImageInspectInfo = await engine.docker.getImage(name).inspect()
    return image.Id !== ''
  } catch (error) {
    if (statusOf(error) === 404) return false
    throw translateError(engine, `looking for the image ${name}`, error)
  }
}

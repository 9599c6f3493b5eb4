import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { extract, pack } from 'tar-stream'
import type Docker from 'dockerode'
import type { Environment } from '../formats/environment.ts'
import { buildOnce, follow } from './dockerBuild.ts'
import { statusOf, translateError, type DockerEngine } from './dockerEngine.ts'
import { SandboxError, type BuildContext } from './port.ts'

/** The folder of a build context in which prchain lays its own files. */
const OWN_FOLDER = '.prchain'
/** The Dockerfile's name in a build context: one that no file of the repository's has. */
const DOCKERFILE = `${OWN_FOLDER}/Dockerfile`

/** What images are made with beside what an environment says. None of it counts in a tag. */
export interface BuildOptions {
  /** The image of an environment that names none. */
  defaultImage?: string
  /** Docker's build arguments: proxies, indexes. */
  buildArguments?: Record<string, string>
  /** Files laid into every build context below `.prchain/`, such as certificates. */
  buildFiles?: readonly { path: string; bytes: Buffer }[]
}

/**
 * The image of an environment: the named one, pulled when the engine does not have it, or the Dockerfile's, built
 * once for a text, a network and a context. Idempotent. Throws {@link SandboxError} `image`, `unreachable`, or `invalid`
 * when the environment names neither, or wants a context and is given none.
 */
export async function provideImage(
  engine: DockerEngine,
  environment: Environment | null,
  options: BuildOptions & { buildContext?: BuildContext | undefined } = {},
): Promise<string> {
  if (environment?.dockerfile !== undefined) return provideBuild(engine, environment.dockerfile, environment, options)
  const image = environment?.image ?? options.defaultImage ?? null
  if (image === null) {
    throw new SandboxError(
      'invalid',
      'a Docker sandbox needs an image: give an environment file with `image` or `dockerfile`',
    )
  }
  if (!(await hasImage(engine, image))) await pullImage(engine, image)
  return image
}

/** The tag of a Dockerfile's image; `context` is the id of its build context, where it has one. */
export function environmentTag(
  dockerfile: string,
  network: Environment['buildNetwork'],
  context: string | null = null,
): string {
  const from = context === null ? '' : `\ncontext ${context}`
  const digest = createHash('sha256').update(`${network}\n${dockerfile}${from}`).digest('hex')
  return `prchain-environment:${digest.slice(0, 16)}`
}

/** Whether the engine has an image. */
export async function hasImage(engine: DockerEngine, name: string): Promise<boolean> {
  return (await inspectImage(engine, name)) !== null
}

/** What the engine knows of an image, or null when it has none of the name. */
export async function inspectImage(engine: DockerEngine, name: string): Promise<Docker.ImageInspectInfo | null> {
  try {
    return await engine.docker.getImage(name).inspect()
  } catch (error) {
    if (statusOf(error) === 404) return null
    throw translateError(engine, `looking for the image ${name}`, error)
  }
}

async function provideBuild(
  engine: DockerEngine,
  dockerfile: string,
  environment: Environment,
  options: BuildOptions & { buildContext?: BuildContext | undefined },
): Promise<string> {
  const network = environment.buildNetwork
  const context = environment.context === 'repository' ? (options.buildContext ?? null) : null
  if (environment.context === 'repository' && context === null) {
    throw new SandboxError(
      'invalid',
      "the environment's Dockerfile copies from the repository, and none was given with it",
    )
  }
  const tag = environmentTag(dockerfile, network, context?.id ?? null)
  if (await hasImage(engine, tag)) return tag
  const next = `correct the Dockerfile, or its buildNetwork, which is ${network}`
  await buildOnce(engine, {
    tag,
    what: `building the environment's Dockerfile as ${tag}`,
    next,
    network,
    dockerfile: DOCKERFILE,
    buildArguments: options.buildArguments ?? {},
    context: () => packContext(dockerfile, context, options.buildFiles ?? []),
  })
  return tag
}

/** The repository's files, ours, and the Dockerfile. What the repository has in our folder is left out. */
function packContext(
  dockerfile: string,
  context: BuildContext | null,
  buildFiles: readonly { path: string; bytes: Buffer }[],
): NodeJS.ReadableStream {
  const tar = pack()
  const fill = async () => {
    if (context) {
      const source = extract()
      source.on('entry', (header, stream, next) => {
        const name = header.name.replace(/^(\.?\/)+/, '')
        if (name === OWN_FOLDER || name.startsWith(`${OWN_FOLDER}/`)) {
          stream.on('end', next).resume()
          return
        }
        pipeline(stream, tar.entry(header, next)).catch((error: unknown) => tar.destroy(error as Error))
      })
      await pipeline(await context.open(), source as unknown as NodeJS.WritableStream)
    }
    for (const { path, bytes } of buildFiles) tar.entry({ name: `${OWN_FOLDER}/${path}` }, bytes)
    tar.entry({ name: DOCKERFILE }, dockerfile)
    tar.finalize()
  }
  fill().catch((error: unknown) => tar.destroy(error as Error))
  return tar as unknown as NodeJS.ReadableStream
}

async function pullImage(engine: DockerEngine, image: string): Promise<void> {
  // Without a tag or a digest the engine would pull every tag there is.
  const isTagged = /[:@][^/]*$/.test(image)
  const next = `check the name, or bring the image to the engine at ${engine.address} by docker pull or docker load`
  await follow(engine, { what: `pulling the image ${image}`, next }, () =>
    engine.docker.pull(isTagged ? image : `${image}:latest`),
  )
}

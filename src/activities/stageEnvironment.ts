export type { EnvironmentBuild } from '../domain/environment/build.ts'
import { digestOf } from '../domain/digest.ts'
import type { EnvironmentBuild } from '../domain/environment/build.ts'
import { filesToRead, planEnvironment } from '../domain/environment/plan.ts'
import type { Stage } from '../formats/chain.ts'
import type { Environment, Origin } from '../formats/environment.ts'
import type { GitRepository } from '../git/port.ts'
import type { BuildContext, SandboxError } from '../sandbox/port.ts'
import { InvalidInputError } from './edge.ts'
import type { Ports } from './ports.ts'
import { findSubmodules, noteAbsent, type FoundSubmodules } from './submodules.ts'

/** The environment of a stage, where it comes from, and what its image is built from. */
export interface StageEnvironment {
  environment: Environment
  origin: Origin
  buildContext: BuildContext | undefined
}

/** A file that is longer says nothing of how a repository is built. */
const READ_LIMIT_BYTES = 4 * 1024 * 1024

/** How often an image is built before its failure is the environment's: a registry may have been away. */
const BUILD_TRIES = 2
const LEASE_MS = 60 * 60_000

/**
 * The environment of a stage: the given one, else what the repository at the stage's base says, built once to see that
 * it can be. A reason when there is none. Throws {@link InvalidInputError} when the base is not in the mirror, and
 * {@link SandboxError} `unreachable`.
 */
export async function findStageEnvironment(options: {
  ports: Pick<Ports, 'git' | 'sandboxes' | 'instance' | 'redact'>
  repository: GitRepository
  /** Where submodules are looked for: a folder of mirrors, or null for the store's own clones. */
  mirrors?: string | null
  stage: Pick<Stage, 'number' | 'baseSha' | 'testFiles'>
  given: Environment | null
  kind: 'docker' | 'bubblewrap' | 'process'
  build: EnvironmentBuild
}): Promise<StageEnvironment | { reason: string }> {
  const { ports, repository, mirrors = null, stage, given, kind, build } = options
  const commit = await repository.commit(stage.baseSha)
  if (commit === null) {
    const next = 'bring the mirror up to date, and start the rollout again'
    throw new InvalidInputError(`base ${stage.baseSha} of pull request ${stage.number} is not in the mirror; ${next}`)
  }
  const { tree } = commit
  const modules = await findSubmodules({ git: ports.git, repository, mirrors, tree })
  const absent = noteAbsent(modules)
  if (given) {
    const origin: Origin = { kind: 'given', recipe: null, files: [], notes: absent }
    return {
      environment: given,
      origin,
      buildContext: openBuildContext({ repository, environment: given, tree, modules }),
    }
  }
  if (kind !== 'docker') {
    return {
      reason: `without a Docker engine no environment can be built for pull request ${stage.number}: the sandbox is ${kind}; start an engine, or give --environment FILE`,
    }
  }
  const planned = await planTree({
    repository,
    tree,
    date: commit.committedAt,
    testFiles: stage.testFiles,
    build,
  })
  if ('reason' in planned) return planned
  const { environment, origin } = planned
  const found: StageEnvironment = {
    environment,
    origin: { ...origin, notes: [...origin.notes, ...absent] },
    buildContext: openBuildContext({ repository, environment, tree, modules }),
  }
  const fault = await buildOnce(ports, found)
  if (fault === null) return found
  return {
    reason: [
      `the ${origin.recipe} environment of pull request ${stage.number} cannot be built: ${fault}`,
      ...absent,
    ].join('; '),
  }
}

/** Has the image made, by a sandbox that is removed at once. Returns why it cannot be made, or null. */
async function buildOnce(
  ports: Pick<Ports, 'sandboxes' | 'instance' | 'redact'>,
  found: StageEnvironment,
): Promise<string | null> {
  const provider = ports.sandboxes('docker')
  const { environment, buildContext } = found
  const name = `environment.${crypto.randomUUID()}`
  const lease = new Date(Date.now() + LEASE_MS).toISOString()
  const labels = { owner: ports.instance, purpose: 'environment', lease }
  for (let tries = 1; ; tries++) {
    try {
      await provider.create({ name, labels, environment, buildContext })
      return null
    } catch (error) {
      const { name: kindOf, kind, message } = error as SandboxError
      if (kindOf !== 'SandboxError' || (kind !== 'image' && kind !== 'invalid')) throw error
      if (tries === BUILD_TRIES) return ports.redact(message)
    } finally {
      await provider.remove(name)
    }
  }
}

/** The plan for any tree of a repository. */
export async function planTree(options: {
  repository: GitRepository
  tree: string
  /** ISO 8601. */
  date: string
  testFiles: readonly string[]
  build: EnvironmentBuild
}): Promise<{ environment: Environment; origin: Origin } | { reason: string }> {
  const { repository, tree, date, testFiles, build } = options
  const entries = await repository.listTree(tree)
  const paths = entries.filter(({ mode }) => mode === '100644' || mode === '100755').map(({ path }) => path)
  const texts = new Map<string, string>()
  for (const path of filesToRead(paths)) {
    const bytes = await repository.readFile(tree, path)
    if (bytes && bytes.length <= READ_LIMIT_BYTES) texts.set(path, bytes.toString('utf8'))
  }
  return planEnvironment({ paths, read: (path) => texts.get(path) ?? null, date, testFiles, build })
}

/**
 * The files of a tree as a build context, for an environment that copies from the repository: with the files of its
 * submodules, as far as their repositories are at hand.
 */
export function openBuildContext(options: {
  repository: GitRepository
  environment: Environment
  tree: string
  modules: FoundSubmodules
}): BuildContext | undefined {
  const { repository, environment, tree, modules } = options
  const { submodules } = modules
  if (environment.dockerfile === undefined || environment.context !== 'repository') return undefined
  if (submodules.length === 0) return { id: tree, open: () => repository.exportFiles(tree) }
  const id = digestOf([tree, ...submodules.map(({ path, tree }) => `${path} ${tree}`)].join('\n'))
  return { id, open: () => repository.exportRepository(tree, { submodules }) }
}

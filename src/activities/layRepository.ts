import type { Sandbox, SandboxSpec } from '../sandbox/port.ts'
import { findScaffold } from '../scaffolds/index.ts'
import { captureSandbox } from './checkpoint.ts'
import type { Scope } from './edge.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'
import { scaffoldView } from './scaffoldPrograms.ts'
import { findSubmodules } from './submodules.ts'

/** How long after its making no reaper takes a sandbox for an orphan: its workflow may not be known yet. */
const LEASE_MS = 15 * 60_000

/** What a sandbox of a rollout is made from. */
export async function sandboxSpec(options: {
  ports: Ports
  context: RolloutContext
  name: string
  stage: number
  purpose: string
}): Promise<SandboxSpec> {
  const { ports, context, name, stage, purpose } = options
  const found = await context.environment(stage)
  const scaffold = findScaffold(context.settings.scaffold)
  const tried = {
    environment: found.environment,
    ...(found.buildContext ? { buildContext: found.buildContext } : {}),
  }
  return {
    ...tried,
    name,
    labels: {
      owner: ports.instance,
      rollout: context.id,
      stage: String(stage),
      purpose,
      lease: new Date(Date.now() + LEASE_MS).toISOString(),
    },
    ...(purpose !== 'tests' && scaffold ? await scaffoldView(ports, scaffold, context.provider, tried) : {}),
  }
}

/**
 * Lays a tree in a sandbox as a repository with one commit, and runs the environment's setup. Returns the work tree as
 * setup left it, or null without a setup. Where a work tree is brought back, with what setup once made in it, setup runs
 * on that: then what setup once made is returned, but for what it made anew in files that the agent had left alone. So
 * what the agent did is never in it. Throws {@link SetupFailedError}.
 */
export async function layRepository(options: {
  ports: Ports
  context: RolloutContext
  sandbox: Sandbox
  stage: number
  tree: string
  restored?: { workTree: string; setupTree: string | null }
  scope: Scope
}): Promise<string | null> {
  const { ports, context, sandbox, stage, tree, restored, scope } = options
  const setup = (await context.environment(stage)).environment?.setup ?? []
  await lay(restored?.workTree ?? tree)
  if (setup.length === 0) return null
  await setUp(restored ? `setup-${restored.workTree}` : 'setup')
  const now = await captureSandbox(ports, context, sandbox, tree)
  if (!restored) return now
  const { workTree, setupTree } = restored
  const byAgent = new Set(await changedPaths(setupTree ?? tree, workTree))
  const again = (await changedPaths(workTree, now)).filter((path) => !byAgent.has(path))
  return context.repository.withPathsFrom(setupTree ?? tree, now, again)

  async function changedPaths(from: string, to: string): Promise<string[]> {
    const changes = await context.repository.changes(from, to)
    return changes.flatMap(({ path, oldPath }) => (oldPath === null ? [path] : [path, oldPath]))
  }

  async function lay(laid: string): Promise<void> {
    const { submodules } = await findSubmodules({
      git: ports.git,
      repository: context.repository,
      mirrors: context.settings.mirrors,
      tree: laid,
      namedBy: context.stage(stage).baseSha,
    })
    const own = laid === tree ? undefined : laid
    await sandbox.putRepository(await context.repository.exportRepository(tree, { workTree: own, submodules }))
  }

  async function setUp(key: string): Promise<void> {
    const { timeouts } = (await context.environment(stage)).environment!
    for (const [index, script] of setup.entries()) {
      scope.report({ setup: index })
      const outcome = await sandbox.exec(`${key}.${index}`, { script, timeoutMs: timeouts.setupMs }, scope.signal)
      await sandbox.forgetOutput(`${key}.${index}`)
      if (outcome.exitCode === 0) continue
      throw new SetupFailedError(script, outcome.exitCode, ports.redact(outcome.output.toString('utf8').slice(-2_000)))
    }
  }
}

/** A setup command of the environment failed: the environment cannot work for this tree. */
export class SetupFailedError extends Error {
  override name = 'SetupFailedError'
  constructor(script: string, exitCode: number, output: string) {
    super(`setup command ${JSON.stringify(script)} ended with exit code ${exitCode}; its last output:\n${output}`)
  }
}

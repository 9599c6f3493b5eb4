import type { Sandbox, SandboxSpec } from '../sandbox/port.ts'
import type { Scope } from './edge.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'
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
  return {
    name,
    labels: {
      owner: ports.instance,
      rollout: context.id,
      stage: String(stage),
      purpose,
      lease: new Date(Date.now() + LEASE_MS).toISOString(),
    },
    environment: found.environment,
    ...(found.buildContext ? { buildContext: found.buildContext } : {}),
  }
}

/**
 * Lays a tree in a sandbox as a repository with one commit, or with another work tree above it, and runs the
 * environment's setup. Returns the work tree after setup, or null without one. Throws {@link SetupFailedError}.
 */
export async function layRepository(options: {
  ports: Ports
  context: RolloutContext
  sandbox: Sandbox
  stage: number
  tree: string
  workTree?: string
  scope: Scope
}): Promise<string | null> {
  const { ports, context, sandbox, stage, tree, workTree, scope } = options
  const { submodules } = await findSubmodules({
    git: ports.git,
    repository: context.repository,
    mirrors: context.settings.mirrors,
    tree: workTree ?? tree,
  })
  await sandbox.putRepository(await context.repository.exportRepository(tree, { workTree, submodules }))
  const { environment } = await context.environment(stage)
  if (!environment || environment.setup.length === 0) return null
  for (const [index, script] of environment.setup.entries()) {
    scope.report({ setup: index })
    const outcome = await sandbox.exec(
      `setup.${index}`,
      { script, timeoutMs: environment.timeouts.setupMs },
      scope.signal,
    )
    await sandbox.forgetOutput(`setup.${index}`)
    if (outcome.exitCode !== 0)
      throw new SetupFailedError(script, outcome.exitCode, ports.redact(outcome.output.toString('utf8').slice(-2_000)))
  }
  const captured = await context.repository.captureTree(await sandbox.readRepository(), {
    initialTree: tree,
    limitBytes: ports.limits.fileBytes,
  })
  return captured.tree
}

/** A setup command of the environment failed: the environment cannot work for this tree. */
export class SetupFailedError extends Error {
  override name = 'SetupFailedError'
  constructor(script: string, exitCode: number, output: string) {
    super(`setup command ${JSON.stringify(script)} ended with exit code ${exitCode}; its last output:\n${output}`)
  }
}

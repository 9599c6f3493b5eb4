import { digestOf } from '../domain/digest.ts'
import type { RoundId } from '../domain/identifiers.ts'
import { issueToken } from '../record/grants.ts'
import type { Scaffold } from '../scaffolds/port.ts'
import type { Sandbox } from '../sandbox/port.ts'
import { ScaffoldFailedError } from './edge.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'
import type { ScaffoldPrograms } from './scaffoldPrograms.ts'

/** A machine under load may be slow; what is broken says so at once. */
const SELF_TEST_MS = 300_000
const TASK = 'Make the one tool call that you are told to make, then end.'

/**
 * Sees to it that a scaffold runs here at all, before anything is paid for: it makes one tool call through the gateway,
 * which answers by itself. Its success is remembered for the host, these programs and this environment. Throws
 * {@link ScaffoldFailedError} with the cause, within seconds.
 */
export async function testScaffold(options: {
  ports: Ports
  context: RolloutContext
  scaffold: Scaffold
  sandbox: Sandbox
  programs: ScaffoldPrograms
  stage: number
  round: RoundId
  launch: number
  signal: AbortSignal
}): Promise<void> {
  const { ports, context, scaffold, sandbox, programs, stage, round, launch, signal } = options
  const { environment } = await context.environment(stage)
  const place = [context.provider.kind, digestOf(JSON.stringify(environment))]
  const what = [
    scaffold.name,
    programs.version,
    digestOf(JSON.stringify([scaffold.programs, programs, scaffold.selfTest])),
    ...place,
  ].join(' ')
  if (await ports.toolchains.isProven(what)) return
  const token = await issueToken(ports.store, {
    ...{ rollout: context.id, chain: context.chain.id, stage, round: String(round), launch },
    ...{ scaffold: scaffold.name, model: context.settings.model, isSelfTest: true },
  })
  const { script, stdin } = scaffold.start({
    ...{ ...programs, token, model: context.settings.model },
    ...{ maxSteps: 3, commandTimeoutMs: SELF_TEST_MS },
    ...{ task: TASK, turns: [TASK], session: null, isSelfTest: true },
  })
  // What it leaves at home is no part of the round.
  const apart = `HOME=$(mktemp -d) && export HOME && ${script}`
  const key = `self-test.${round}.${launch}.${digestOf(what).slice('sha256:'.length, 'sha256:'.length + 12)}`
  const outcome = await sandbox.exec(key, { script: apart, stdin, timeoutMs: SELF_TEST_MS }, signal)
  const output = outcome.output.toString('utf8')
  const read = scaffold.readEnding({ ...outcome, output })
  if ('ending' in read && read.ending === 'submitted') return ports.toolchains.noteProven(what)
  const cause = 'fault' in read ? `${read.fault}\n${output.slice(-1_500)}` : `it ended as ${read.ending}`
  // A command's outcome stays for its sandbox's life: the next try is in another one.
  await context.provider.remove(sandbox.name)
  throw new ScaffoldFailedError(
    `${scaffold.name} ${programs.version} does not run here: its self-test, one tool call through the gateway, failed: ${ports.redact(cause)}`,
  )
}

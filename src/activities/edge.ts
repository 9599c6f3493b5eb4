import { ApplicationFailure, Context, CancelledFailure } from '@temporalio/activity'
import { miningCalls } from '../domain/identifiers.ts'
import type { Redact } from '../domain/redaction.ts'
import type { Fence } from '../record/fence.ts'
import { claimFence } from '../record/fence.ts'
import type { Ports } from './ports.ts'

const HEARTBEAT_MS = 1_000
const MOST_INFRASTRUCTURE_FAILURES = 4
const MOST_UNEXPECTED_FAILURES = 5

/** What every activity of a rollout is told: the rollout, and its place in the workflow for the fence. */
export interface RolloutInput {
  rollout: string
  /** The workflow's epoch, and the activity's place in the workflow. */
  order: [number, number]
}

/** What an activity has beside its input. */
export interface Scope {
  signal: AbortSignal
  /** Shown to people in the Temporal UI; never the record. */
  report(details: Record<string, string | number>): void
}

/**
 * Wraps an activity: heartbeats on a timer of its own, and translates errors once. Failures that no retry can help are
 * non-retryable; infrastructure that stays away becomes one that parks the chain. Failures are counted in the heartbeat's
 * details, which the next attempt gets: attempts that a killed or frozen worker lost are none.
 */
export function atEdge<I, O>(ports: Ports, work: (input: I, scope: Scope) => Promise<O>): (input: I) => Promise<O> {
  return async (input) => {
    const context = Context.current()
    const before = failuresBefore(context.info.heartbeatDetails)
    let details: Record<string, string | number> = before
    const timer = setInterval(() => context.heartbeat(details), HEARTBEAT_MS)
    try {
      context.heartbeat(details)
      return await work(input, {
        signal: context.cancellationSignal,
        report: (next) => {
          details = { ...next, ...before }
        },
      })
    } catch (error) {
      if (context.cancellationDetails?.workerShutdown) {
        // What was in flight is lost with this worker; another one takes over at once.
        throw ApplicationFailure.create({ type: 'Drained', message: 'the worker was stopped', nextRetryDelay: '100ms' })
      }
      if (context.cancellationSignal.aborted) throw new CancelledFailure('the activity was cancelled')
      const failures = (before.failures ?? 0) + 1
      context.heartbeat({ ...details, failures })
      throw translate(error, { failures, redact: ports.redact })
    } finally {
      clearInterval(timer)
    }
  }
}

function failuresBefore(details: unknown): { failures?: number } {
  const failures = (details as { failures?: unknown } | undefined)?.failures
  return typeof failures === 'number' ? { failures } : {}
}

/** Wraps an activity of a rollout: {@link atEdge}, with the rollout's fence claimed for this Temporal attempt. */
export function atFence<I extends RolloutInput, O>(
  ports: Ports,
  work: (input: I, scope: Scope & { fence: Fence }) => Promise<O>,
): (input: I) => Promise<O> {
  return atEdge(ports, async (input: I, scope) => {
    const order: [number, number, number] = [...input.order, Context.current().info.attempt]
    const fence = await claimFence({ store: ports.store, rollout: input.rollout, order, holder: ports.holder })
    return work(input, { ...scope, fence })
  })
}

/**
 * Wraps an activity of a mining: {@link atEdge}, with a fence that is claimed when a model is to be asked. A later
 * workflow's attempt overtakes an earlier one's: what is compared is when Temporal scheduled the activity.
 */
export function atMining<I extends { repository: string; n: number }, O>(
  ports: Ports,
  work: (input: I, scope: Scope & { claim: () => Promise<Fence> }) => Promise<O>,
): (input: I) => Promise<O> {
  return atEdge(ports, async (input: I, scope) => {
    const { scheduledTimestampMs, attempt } = Context.current().info
    const rollout = miningCalls(input.repository, input.n)
    const order: [number, number, number] = [scheduledTimestampMs, 0, attempt]
    return work(input, {
      ...scope,
      claim: () => claimFence({ store: ports.store, rollout, order, holder: ports.holder }),
    })
  })
}

/** A model whose replies stay in another form than the one asked for. */
export class ReplyUnreadableError extends Error {
  override name = 'ReplyUnreadableError'
}

/** A scaffold that keeps ending as it should not, whatever is done. */
export class ScaffoldFailedError extends Error {
  override name = 'ScaffoldFailedError'
}

/** The gateway gives a launch no more answers: its scaffold is to be stopped, and started again when the chain goes on. */
export class HaltedError extends Error {
  override name = 'HaltedError'
  /** As in `domain/failure.ts`. */
  readonly type: string
  constructor({ type, reason }: { type: string; reason: string }) {
    super(reason)
    this.type = type
  }
}

/** The gateway holds a launch's requests until a ceiling is raised: the chain waits, and its scaffold stays where it is. */
export class HeldError extends Error {
  override name = 'HeldError'
}

/** Input of a workflow that cannot be worked with: no retry helps. */
export class InvalidInputError extends Error {
  override name = 'InvalidInputError'
}

interface Named extends Error {
  kind?: string
  code?: string
  retryAfterMs?: number | null
}

/** The one place where errors become Temporal failures. Messages are redacted; stacks stay in the worker's log. */
function translate(error: unknown, options: { failures: number; redact: Redact }): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error
  const { failures, redact } = options
  const named = error as Named
  const message = redact(describe(named))
  const fail = (type: string) => ApplicationFailure.create({ type, message, nonRetryable: true })
  const retry = (type: string, nextRetryDelay?: number) =>
    ApplicationFailure.create({ type, message, nonRetryable: false, nextRetryDelay })
  const infrastructure = () =>
    failures >= MOST_INFRASTRUCTURE_FAILURES ? fail('InfrastructureUnavailable') : retry('Infrastructure')

  switch (named.name) {
    case 'FencedError':
      return fail('Fenced')
    case 'DivergedError':
      return fail('RecordDiverged')
    case 'ModelUnavailableError':
      return fail('ModelUnavailable')
    case 'ModelError':
      // Waiting does not make a request shorter; it may bring a key that is let in.
      return fail(named.kind === 'context' ? 'RequestTooLong' : 'ModelRefused')
    case 'CeilingReachedError':
    case 'HeldError':
      return fail('CeilingReached')
    case 'HaltedError':
      return fail((error as HaltedError).type)
    case 'ScaffoldFailedError':
      return fail('ScaffoldFailed')
    case 'ReplyUnreadableError':
      return fail('ReplyUnreadable')
    case 'SetupFailedError':
      return fail('EnvironmentInvalid')
    case 'InvalidInputError':
      return fail('InvalidInput')
    case 'SandboxError':
      if (named.kind === 'image' || named.kind === 'invalid') return fail('EnvironmentInvalid')
      return infrastructure()
    case 'StoreError':
      return named.kind === 'full' ? infrastructure() : fail('StoreDamaged')
    case 'GitError':
      return fail('GitFailed')
    case 'GitHubError':
      if (named.kind === 'limited') return retry('GitHubLimited', named.retryAfterMs ?? 60_000)
      return named.kind === 'unreachable' ? infrastructure() : fail('GitHubFailed')
    default:
      if (named.code && ['ENOSPC', 'EMFILE', 'ENFILE', 'ENOMEM', 'EDQUOT'].includes(named.code)) return infrastructure()
      return failures >= MOST_UNEXPECTED_FAILURES ? fail('Unexpected') : retry('Unexpected')
  }
}

function describe(error: Named): string {
  const own = error.message ?? String(error)
  const cause = error.cause instanceof Error ? error.cause.message : null
  return cause && !own.includes(cause) ? `${own} (${cause})` : own
}

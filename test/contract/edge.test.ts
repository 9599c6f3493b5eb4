import { ApplicationFailure } from '@temporalio/activity'
import { MockActivityEnvironment } from '@temporalio/testing'
import { describe, expect, test } from 'vitest'
import { atEdge } from '../../src/activities/edge.ts'
import type { Ports } from '../../src/activities/ports.ts'
import { SandboxError } from '../../src/sandbox/port.ts'

/** What one attempt of an activity that always fails so ended with, and the details of its last heartbeat. */
async function attempt(fault: Error, info: { attempt: number; heartbeatDetails?: unknown }) {
  const environment = new MockActivityEnvironment(info)
  let details: unknown
  environment.on('heartbeat', (given) => (details = given))
  const ports = { redact: (text: string) => text } as Ports
  const work = atEdge(ports, async (_: null, scope) => {
    scope.report({ doing: 'this' })
    throw fault
  })
  const failure: unknown = await environment.run(work, null).catch((caught: unknown) => caught)
  if (!(failure instanceof ApplicationFailure)) throw failure
  return { type: failure.type, isFinal: failure.nonRetryable === true, details }
}

describe('failures of an activity', () => {
  test('are counted from one attempt to the next, and the fourth of infrastructure in a row is final', async () => {
    const away = new SandboxError('unreachable', 'the engine does not answer')
    let heartbeatDetails: unknown
    const seen: [string | null | undefined, boolean][] = []
    for (let n = 1; n <= 4; n++) {
      const { type, isFinal, details } = await attempt(away, { attempt: n, heartbeatDetails })
      seen.push([type, isFinal])
      heartbeatDetails = details
      expect(details).toEqual({ doing: 'this', failures: n })
    }
    expect(seen).toEqual([
      ['Infrastructure', false],
      ['Infrastructure', false],
      ['Infrastructure', false],
      ['InfrastructureUnavailable', true],
    ])
  })

  test('do not include the attempts that a killed or frozen worker lost', async () => {
    const away = new SandboxError('unreachable', 'another dispatcher took over')
    expect(await attempt(away, { attempt: 7 })).toMatchObject({ type: 'Infrastructure', isFinal: false })
    expect(await attempt(new Error('a fault'), { attempt: 7 })).toMatchObject({ type: 'Unexpected', isFinal: false })
  })
})

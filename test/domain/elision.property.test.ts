import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { countLeft, leaveOut, planElision, type Sent } from '../../src/domain/elision.ts'
import { bytesOf, estimateTokens } from '../../src/domain/tokens.ts'
import type { Message } from '../../src/formats/chat.ts'

const KEPT_STEPS = 5

/** A step of a conversation: calls, with the lengths of what they say, and whether a user's message answers it. */
interface Step {
  said: number
  observations: number[]
  isNudged: boolean
}

const step = fc.record({
  said: fc.integer({ min: 0, max: 2_000 }),
  observations: fc.array(fc.integer({ min: 0, max: 16_000 }), { maxLength: 3 }),
  isNudged: fc.boolean(),
})
const rounds = fc.array(fc.array(step, { maxLength: 25 }), { minLength: 1, maxLength: 5 })

function conversationOf(given: Step[][]): Sent[] {
  const sent: Sent[] = []
  let calls = 0
  const push = (message: Message, part: Sent['part'], steps = 0) => sent.push({ message, part, steps })
  push({ role: 'system', content: 'You work.' }, 'frame')
  for (const [round, steps] of given.entries()) {
    push({ role: 'user', content: `Request ${round}` }, 'frame')
    for (const { said, observations, isNudged } of steps) {
      const ids = observations.map(() => `call-${calls++}`)
      const made = ids.map((id) => ({ id, type: 'function' as const, function: { name: 'shell', arguments: '{}' } }))
      push({ role: 'assistant', content: 's'.repeat(said), ...(ids.length > 0 ? { tool_calls: made } : {}) }, 'step', 1)
      for (const [index, length] of observations.entries())
        push({ role: 'tool', tool_call_id: ids[index]!, content: 'o'.repeat(length) }, 'step')
      if (isNudged || ids.length === 0) push({ role: 'user', content: 'Call a tool.' }, 'step')
    }
  }
  return sent
}

const tokensOf = (bytes: number) => estimateTokens(bytes, null)
const sizeOf = (sent: readonly Sent[]) => tokensOf(sent.reduce((sum, { message }) => sum + bytesOf(message), 0))

/** All but the last step and what answered it has been shown. */
function shownOf(sent: readonly Sent[]): number {
  const last = sent.findLastIndex(({ message }) => message.role === 'assistant')
  return last === -1 ? 0 : last
}

function fit(sent: readonly Sent[], windowTokens: number): { fitted: Sent[]; leftOut: ReturnType<typeof planElision> } {
  const leftOut = planElision({ sent, shown: shownOf(sent), windowTokens, tokensOf })
  return { fitted: leaveOut(sent, leftOut), leftOut }
}

/** Where the last so many steps begin; the end where there are none. */
function startOfLast(sent: readonly Sent[], count: number): number {
  return sent.flatMap(({ message }, at) => (message.role === 'assistant' ? [at] : [])).at(-count) ?? 0
}

describe('a conversation that comes near the window', () => {
  test('is left as it is below four fifths of it', () => {
    fc.assert(
      fc.property(rounds, (given) => {
        const sent = conversationOf(given)
        expect(fit(sent, Math.ceil((sizeOf(sent) * 5) / 4) + 1).leftOut).toEqual([])
      }),
    )
  })

  test('loses neither the system’s message, nor one that opens a round, nor the last step', () => {
    fc.assert(
      fc.property(rounds, fc.integer({ min: 100, max: 60_000 }), (given, windowTokens) => {
        const sent = conversationOf(given)
        const { fitted } = fit(sent, windowTokens)
        const frame = (some: readonly Sent[]) =>
          some.filter(({ part }) => part === 'frame').map(({ message }) => message)
        expect(frame(fitted)).toEqual(frame(sent))
        const last = sent.slice(shownOf(sent))
        expect(fitted.slice(-last.length)).toEqual(last)
        const steps = (some: readonly Sent[]) =>
          some.reduce((sum, one) => sum + (one.message.role === 'tool' ? 0 : one.steps), 0)
        expect(steps(fitted)).toBe(steps(sent))
      }),
    )
  })

  test('keeps its last five steps as they are, unless there is no room without', () => {
    fc.assert(
      fc.property(rounds, fc.integer({ min: 2_000, max: 60_000 }), (given, windowTokens) => {
        const sent = conversationOf(given)
        const kept = sent.slice(startOfLast(sent, KEPT_STEPS))
        const frame = sent.filter(({ part }) => part === 'frame')
        const notes = 60 * given.length
        fc.pre(sizeOf(kept) + sizeOf(frame) + notes < (4 / 5) * windowTokens)
        const { fitted } = fit(sent, windowTokens)
        expect(fitted.slice(-kept.length)).toEqual(kept)
        expect(sizeOf(fitted)).toBeLessThanOrEqual((4 / 5) * windowTokens)
      }),
    )
  })

  test('is a conversation still: each observation follows its call, each call has its observations', () => {
    fc.assert(
      fc.property(rounds, fc.integer({ min: 100, max: 60_000 }), (given, windowTokens) => {
        const { fitted } = fit(conversationOf(given), windowTokens)
        let open: string[] = []
        for (const { message } of fitted) {
          if (message.role === 'tool') expect(open.shift()).toBe(message.tool_call_id)
          else {
            expect(open).toEqual([])
            open = message.role === 'assistant' ? (message.tool_calls ?? []).map(({ id }) => id) : []
          }
        }
        expect(open).toEqual([])
      }),
    )
  })

  test('is the same each time, says how many messages are left, and is not shortened again at once', () => {
    fc.assert(
      fc.property(rounds, fc.integer({ min: 2_000, max: 60_000 }), (given, windowTokens) => {
        const sent = conversationOf(given)
        const { fitted, leftOut } = fit(sent, windowTokens)
        expect(fit(conversationOf(given), windowTokens).leftOut).toEqual(leftOut)
        expect(fitted).toHaveLength(countLeft(sent.length, leftOut))
        expect(leftOut).toEqual(leftOut.toSorted((a, b) => a.from - b.from))
        if (sizeOf(fitted) <= (4 / 5) * windowTokens) expect(fit(fitted, windowTokens).leftOut).toEqual([])
      }),
    )
  })

  test('gives up the oldest first, down to half of the window', () => {
    const steps: Step[] = Array.from({ length: 40 }, () => ({ said: 20, observations: [6_000], isNudged: false }))
    const sent = conversationOf([steps])
    const { fitted, leftOut } = fit(sent, 60_000)
    expect(sizeOf(fitted)).toBeLessThanOrEqual(30_000)
    expect(sizeOf(fitted)).toBeGreaterThan(30_000 - 2_100)
    const places = leftOut.map(({ from }) => from)
    expect(places).toEqual(places.map((_, index) => 3 + 2 * index))
    expect(fitted[3]!.message.content).toBe(
      `[Left out to make room: 6000 characters in one line, beginning: ${'o'.repeat(60)}]`,
    )
  })

  test('loses whole steps where their own words fill the window, and says how many, over several times too', () => {
    const steps: Step[] = Array.from({ length: 60 }, () => ({ said: 1_500, observations: [10], isNudged: false }))
    const sent = conversationOf([steps.slice(0, 30), steps.slice(30)])
    const { fitted } = fit(sent, 20_000)
    expect(sizeOf(fitted)).toBeLessThanOrEqual(10_000)
    const contents = fitted.map(({ message }) => message.content)
    expect(contents.slice(1, 5)).toEqual([
      'Request 0',
      '[30 steps were left out here to make room.]',
      'Request 1',
      expect.stringMatching(/^\[1\d steps were left out here to make room\.\]$/),
    ])
    const again = fit([...fitted, ...conversationOf([steps]).slice(2)], 20_000).fitted
    const notes = again.filter(({ part }) => part === 'note').map(({ steps }) => steps)
    expect(notes[0]).toBe(30)
    expect(notes[1]).toBeGreaterThan(60)
  })
})

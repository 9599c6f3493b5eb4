import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { beforeEach, describe, expect, test } from 'vitest'
import { traceNative } from '../../src/activities/nativeTrace.ts'
import type { RolloutContext } from '../../src/activities/rolloutContext.ts'
import { openStepFacts } from '../../src/activities/stepFacts.ts'
import type { Played, Turn } from '../../src/agent/loop.ts'
import { digestOfRequest } from '../../src/domain/conversation.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import { callRecord, type CallRecord, type CommandRecord } from '../../src/formats/record.ts'
import { readCallRequest } from '../../src/record/callRequest.ts'
import { readOnce } from '../record/readOnce.ts'
import {
  pretendSandbox,
  withSandbox,
  ROLLOUT,
  scriptModel,
  tokensOf,
  type AgentForTests,
  type Answer,
} from './agentFixture.ts'

const WINDOW = 30_000
const STEPS = 60
const turns: Turn[] = [
  { stage: 0, round: 0, text: 'first' },
  { stage: 0, round: 1, text: 'again' },
  { stage: 1, round: 0, text: 'second' },
]

/** Looks at long things, now and then at two at a time, and submits at the last step of each round. */
function longLooks(step: number): Answer {
  const look = (n: number): [string, unknown] => ['shell', { command: `look ${n}` }]
  if (step + 1 === STEPS) return ['submit', { summary: '' }]
  return step % 7 === 3 ? [look(step), look(step + 1_000)] : look(step)
}

let agent: AgentForTests
beforeEach(() => {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-context-'))
  agent = withSandbox(
    dir,
    pretendSandbox((script) => `${script}\n`.repeat(Math.ceil(5_000 / script.length))),
  )
})

/** Plays all turns, one after the other, as slices do. */
async function playAll(model: ReturnType<typeof scriptModel>, contextTokens = WINDOW): Promise<Played> {
  for (let count = 1; count < turns.length; count++)
    await agent.play(model, { turns: turns.slice(0, count), contextTokens })
  return agent.play(model, { turns, contextTokens })
}

async function callsOf(): Promise<CallRecord[]> {
  const keys = (await agent.store.listRecords(recordKey.stages(ROLLOUT))).filter((key) => key.includes('/calls/'))
  return Promise.all(keys.map(async (key) => callRecord.parse(await agent.store.getRecord(key))))
}

describe('a conversation that is longer than the window', () => {
  test('goes on to its end, and no request is longer than the window', async () => {
    const model = scriptModel(longLooks, { windowTokens: WINDOW })
    const played = await playAll(model)
    expect(played).toMatchObject({ status: 'ended', ending: 'submitted', steps: STEPS })
    expect(model.requests).toHaveLength(3 * STEPS)
    expect(Math.max(...model.requests.map(tokensOf))).toBeLessThanOrEqual(WINDOW)
    for (const { messages } of model.requests.slice(-1)) {
      const users = messages.filter(({ role }) => role === 'user').map(({ content }) => content)
      expect(users.filter((text) => !text.startsWith('['))).toEqual(['first', 'again', 'second'])
    }
  })

  test('is shortened in batches: most requests go on from the last one', async () => {
    const model = scriptModel(longLooks)
    await playAll(model)
    const calls = await callsOf()
    const shortened = calls.filter(({ request }) => request.elision)
    expect(shortened.length).toBeGreaterThan(5)
    expect(shortened.length).toBeLessThan(calls.length / 4)
    for (const { request } of shortened)
      expect(request.elision).toMatchObject({ reason: 'window', windowTokens: WINDOW })
  })

  test('each request can be made again from the store alone, to the digest, and is what the model was sent', async () => {
    const model = scriptModel(longLooks)
    await playAll(model)
    const calls = await callsOf()
    expect(calls).toHaveLength(model.requests.length)
    const store = readOnce(agent.store)
    for (const [at, call] of calls.entries()) {
      const request = await readCallRequest(store, call)
      expect(isDeepStrictEqual(request, model.requests[at]), call.key).toBe(true)
      expect(digestOfRequest(request), call.key).toBe(call.digest)
    }
  })

  test('is stored once: what calls add is no more than what was said, and what was left out', async () => {
    const model = scriptModel(longLooks)
    await playAll(model)
    const calls = await callsOf()
    const stored = calls.reduce((sum, { request }) => sum + JSON.stringify(request).length, 0)
    const sent = model.requests.reduce((sum, { messages }) => sum + JSON.stringify(messages).length, 0)
    expect(stored).toBeLessThan(calls.length * 2 * 5_000)
    expect(stored).toBeLessThan(sent / 8)
  })

  test('is traced in segments: each begins with what was taken over, and is a request that was sent', async () => {
    const model = scriptModel(longLooks)
    const played = await playAll(model)
    if (played.status !== 'ended') throw new Error('not over')
    const { conversation, segments } = played
    expect(segments[0]).toBe(0)
    const parts = segments.map((from, index) => conversation.slice(from, segments[index + 1]))
    const shortened = (await callsOf()).flatMap((call, at) => (call.request.elision ? [at] : []))
    expect(parts).toHaveLength(shortened.length + 1)
    for (const [index, part] of parts.entries()) {
      const messages = part.map(({ message }) => message)
      const from = [0, ...shortened][index]!
      const to = shortened[index] ?? model.requests.length
      for (const { messages: sent } of model.requests.slice(from, to))
        expect(isDeepStrictEqual(messages.slice(0, sent.length), sent)).toBe(true)
      const isNew = part.filter(({ message, isRepeated }) => message.role === 'assistant' && !isRepeated)
      expect(isNew).toHaveLength(to - from)
    }
    const opened = conversation.filter(({ message, isRepeated }) => message.role === 'user' && !isRepeated)
    expect(opened.map(({ message }) => message.content)).toEqual(['first', 'again', 'second'])
  })

  test('is told with the facts of each step once, where it was new', async () => {
    const played = await playAll(scriptModel(longLooks))
    if (played.status !== 'ended') throw new Error('not over')
    const context = { id: ROLLOUT, settings: { prices: null, model: 'm' } } as RolloutContext
    const traced = await traceNative(agent, context, played.conversation, await openStepFacts(agent, context))
    expect(traced.map(({ message, isRepeated }) => ({ message, isRepeated }))).toEqual(
      played.conversation.map(({ message, isRepeated }) => ({ message, isRepeated })),
    )
    const records = traced.flatMap(({ step }) => (step ? [step.facts.record] : []))
    expect(records.map((key) => `${ROLLOUT}/${key}`)).toEqual((await callsOf()).map(({ key }) => key))
    for (const { message, isRepeated, step, execution } of traced) {
      expect(step !== null).toBe(message.role === 'assistant' && !isRepeated)
      const isOfCommand = message.role === 'tool' && !isRepeated && message.content !== 'Submitted.'
      expect(execution !== null).toBe(isOfCommand)
      if (execution?.kind !== 'commands' || message.role !== 'tool') continue
      const command = (await agent.store.getRecord<CommandRecord>(
        recordKey.call(`${ROLLOUT}/${execution.records[0]}`),
      ))!
      expect(message.content).toContain(command.command.script)
    }
  })

  test('killed at any put of a record, and again and again, comes to the same record byte for byte', async () => {
    const calm = scriptModel(longLooks)
    const expected = await playAll(calm)
    const before = await recordsOf()
    agent.forget()
    const killed = scriptModel(longLooks)
    let puts = 0
    const beforePut = () => {
      if (++puts % 9 === 0) throw new Error('killed')
    }
    const ends: Played[] = []
    while (ends.length < turns.length) {
      const played = agent.play(killed, { turns: turns.slice(0, ends.length + 1), contextTokens: WINDOW, beforePut })
      await played.then(
        (end) => ends.push(end),
        (error: Error) => expect(error.message).toBe('killed'),
      )
    }
    expect(isDeepStrictEqual(traceOf(ends.at(-1)!), traceOf(expected)), 'the trace is the same').toBe(true)
    expect(isDeepStrictEqual(await recordsOf(), before), 'the record is the same').toBe(true)
    expect(killed.requests.length).toBeGreaterThan(calm.requests.length)
  })

  test('is walked from the record alone to the same bytes', async () => {
    const played = await playAll(scriptModel(longLooks))
    const walked = await agent.play(scriptModel([]), { turns, contextTokens: WINDOW })
    expect(isDeepStrictEqual(traceOf(walked), traceOf(played))).toBe(true)
  })
})

describe('a provider with a smaller window than was told', () => {
  test('is asked once more with less, and the round goes on', async () => {
    const model = scriptModel(longLooks, { windowTokens: 12_000 })
    const played = await agent.play(model, { contextTokens: WINDOW })
    expect(played).toMatchObject({ ending: 'submitted', steps: STEPS })
    const refused = (await callsOf()).filter(({ request }) => request.elision?.reason === 'refused')
    expect(refused.length).toBeGreaterThan(2)
    expect(model.requests.length).toBe(STEPS + refused.length)
    for (const call of await callsOf())
      expect(digestOfRequest(await readCallRequest(agent.store, call)), call.key).toBe(call.digest)
    const walked = await agent.play(scriptModel([]), { contextTokens: WINDOW })
    expect(isDeepStrictEqual(traceOf(walked), traceOf(played))).toBe(true)
  })

  test('that takes not even that ends the round as context-exceeded', async () => {
    const model = scriptModel(longLooks, { windowTokens: 1_500 })
    const played = await agent.play(model, { contextTokens: WINDOW })
    expect(played).toMatchObject({ ending: 'context-exceeded' })
  })

  test('is not asked at all where the opening alone is longer than the window', async () => {
    const long = [{ stage: 0, round: 0, text: 'x'.repeat(4 * WINDOW) }] as const
    const model = scriptModel([])
    expect(await agent.play(model, { contextTokens: WINDOW, turns: [...long] })).toMatchObject({
      ending: 'context-exceeded',
      steps: 0,
    })
    expect(model.requests).toEqual([])
  })
})

/** What was played, but for how far the record went. */
function traceOf(played: Played): Omit<Played, 'progress'> {
  const { progress: _, ...trace } = played
  return trace
}

/** Everything on record but times and the life of the sandbox, by key. */
async function recordsOf(): Promise<Record<string, unknown>> {
  const keys = await agent.store.listRecords(recordKey.stages(ROLLOUT))
  const entries = await Promise.all(
    keys.map(async (key) => [key, JSON.parse(JSON.stringify(await agent.store.getRecord(key), withoutTimes))] as const),
  )
  return Object.fromEntries(entries)
}

function withoutTimes(name: string, value: unknown): unknown {
  return ['startedAt', 'finishedAt'].includes(name) ? 'T' : value
}

import { describe, expect, test } from 'vitest'
import { listMasked } from '../../src/domain/masked.ts'
import { maskOf } from '../../src/domain/redaction.ts'
import { findRange, listToolSets, sumSteps, toSampleMessages, type Traced } from '../../src/domain/sample.ts'
import { addUsage, noUsage } from '../../src/domain/usage.ts'
import type { Message } from '../../src/formats/chat.ts'
import { sample, sampleMessage, type Step } from '../../src/formats/sample.ts'

const facts: Step = {
  record: 'stages/0/0/calls/000000',
  model: 'm',
  finishReason: 'stop',
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: '2026-01-01T00:00:02.500Z',
  usage: { promptTokens: 10, completionTokens: 3, cachedTokens: 4 },
  costMicroUsd: 7,
}
const tools = { names: ['shell', 'view'], schemas: `sha256:${'a'.repeat(64)}` }
const traced = (message: Message, more: Partial<Traced> = {}): Traced => ({
  ...{ stage: 0, round: 0, isRepeated: false, execution: null },
  step: message.role === 'assistant' ? { facts, tools, isWork: true } : null,
  message,
  ...more,
})
const call = (name: string, text = '{}', id = name) => ({
  id,
  type: 'function' as const,
  function: { name, arguments: text },
})
const turn = (content: string, ...calls: ReturnType<typeof call>[]): Message => ({
  role: 'assistant',
  content,
  ...(calls.length > 0 ? { tool_calls: calls } : {}),
})
const all = () => true
const TOKEN = ['ghp', 'aB3dE5gH7jK9mN1pQ2rS4tU6vW8xYz0cFaB3'].join('_')

describe('a sample’s messages', () => {
  test('carry place, facts, the names of tools and the arguments as objects', () => {
    const execution = {
      ...{ kind: 'commands' as const, records: ['k'], exitCode: 1, isTimedOut: false },
      ...{ startedAt: '2026-01-01T00:00:03.000Z', finishedAt: '2026-01-01T00:00:03.250Z' },
    }
    const messages = toSampleMessages(
      [
        traced({ role: 'system', content: 's' }),
        traced(turn('t', call('shell', '{"command":"ls"}', 'a'), call('view', '{"path":"b"}', 'b'))),
        traced({ role: 'tool', tool_call_id: 'b', content: 'two' }),
        traced({ role: 'tool', tool_call_id: 'a', content: 'one' }, { execution }),
        traced({ role: 'user', content: 'u' }, { stage: 1, round: 'rebase-2' }),
      ],
      all,
    )
    for (const message of messages) expect(sampleMessage.parse(message)).toEqual(message)
    expect(messages).toMatchObject([
      { role: 'system', stage: 0, phase: 'work', round: 0, isRepeated: false },
      { step: facts, train: true, tool_calls: [{ function: { arguments: { command: 'ls' } } }, {}] },
      { role: 'tool', name: 'view', execution: null },
      { role: 'tool', name: 'shell', execution },
      { role: 'user', stage: 1, phase: 'rebase', round: 2 },
    ])
    expect(sumSteps(messages)).toEqual({
      ...{ steps: 1, toolCalls: 2, usage: facts.usage, costMicroUsd: 7, modelMs: 2_500, commandMs: 250 },
    })
  })

  test.each<[boolean, string, Traced]>([
    [true, 'a reply that calls what was sent', traced(turn('x', call('shell')))],
    [
      false,
      'a reply that was cut off',
      traced(turn('x'), { step: { facts: { ...facts, finishReason: 'length' }, tools, isWork: true } }),
    ],
    [false, 'a reply that is no work', traced(turn('x'), { step: { facts, tools, isWork: false } })],
    [false, 'arguments that are no JSON', traced(turn('x', call('shell', '{"command":')))],
    [false, 'arguments that are no object', traced(turn('x', call('shell', '[1]')))],
    [false, 'one of several calls that cannot be read', traced(turn('x', call('view'), call('shell', '', 'b')))],
    [false, 'a tool that was not sent', traced(turn('x', call('browse')))],
    [false, 'a turn that no reply was', traced(turn('x'), { step: null, isRepeated: true })],
    [false, 'a repetition', traced(turn('x'), { isRepeated: true })],
    [false, 'a refused round', traced(turn('x'), { round: 1 })],
    [false, 'a mask that the record has', traced(turn(`key ${maskOf('openaiApiKey')}`))],
    [false, 'a token in an argument', traced(turn('x', call('shell', JSON.stringify({ command: `echo ${TOKEN}` }))))],
    [true, 'a token that it was shown', traced(turn('I will not repeat it.'))],
  ])('are trained on: %s, %s', (train, _, one) => {
    const [message] = toSampleMessages([one], ({ round }) => round === 0)
    expect(message).toMatchObject({ train })
  })

  test('have no token in them, and each mask has its range', () => {
    const messages = toSampleMessages(
      [
        traced({ role: 'user', content: `Use ${TOKEN}.` }),
        traced({
          role: 'assistant',
          content: '',
          reasoning_content: TOKEN,
          tool_calls: [call('shell', `{"a/b":{"c":["${TOKEN}"]}}`)],
        }),
        traced({ role: 'tool', tool_call_id: 'shell', content: `a ${TOKEN} b ${maskOf('githubToken')}` }),
        traced(turn('x', call('shell', `not JSON ${TOKEN}`))),
      ],
      all,
    )
    expect(JSON.stringify(messages)).not.toContain(TOKEN)
    const range = (pointer: string, from: number, kind = 'github-token') => ({
      ...{ pointer, part: 'value', from, to: from + maskOf(kind).length, kind },
    })
    expect(listMasked(messages, '/messages')).toEqual([
      range('/messages/0/content', 4),
      range('/messages/1/reasoning_content', 0),
      range('/messages/1/tool_calls/0/function/arguments/a~1b/c/0', 0),
      range('/messages/2/content', 2),
      range('/messages/2/content', 2 + maskOf('github-token').length + 3, 'githubToken'),
      range('/messages/3/tool_calls/0/function/arguments/_raw', 9),
    ])
  })
})

test('tools that change from step to step are told where they change', () => {
  const more = { names: ['shell', 'view', 'search'], schemas: `sha256:${'b'.repeat(64)}` }
  const none = { names: [], schemas: null }
  const steps = [tools, tools, more, more, none].map((sent) =>
    traced(turn('x'), { step: { facts, tools: sent, isWork: true } }),
  )
  expect(listToolSets([traced({ role: 'user', content: 'u' }), ...steps])).toEqual([
    { from: 1, ...tools },
    { from: 3, ...more },
    { from: 5, ...none },
  ])
})

test('a stage whose agent was never answered has an empty range, where its messages would be', () => {
  const said = (stage: number, isRepeated = false) => traced({ role: 'user', content: 'u' }, { stage, isRepeated })
  const messages = toSampleMessages([said(0), said(0), said(0, true), said(2), said(2)], all)
  const ranges = [0, 1, 2, 3].map((stage) => findRange(messages, stage))
  expect(ranges).toEqual([
    [0, 2],
    [2, 2],
    [3, 5],
    [5, 5],
  ])
  expect(findRange([], 0)).toEqual([0, 0])
  const { messages: range } = sample.shape.stages.element.shape
  for (const one of ranges) expect(range.parse(one)).toEqual(one)
  for (const one of [
    [-1, 0],
    [-1, Number.NaN],
    [3, 2],
  ]) {
    expect(range.safeParse(one).success).toBe(false)
  }
})

describe('sums', () => {
  test('have no price when one of the calls has none', () => {
    const steps = [facts, { ...facts, costMicroUsd: null }].map((one) =>
      traced(turn('x'), { step: { facts: one, tools, isWork: true } }),
    )
    const messages = toSampleMessages(steps, all)
    expect(sumSteps(messages)).toMatchObject({ steps: 2, costMicroUsd: null, modelMs: 5_000 })
    expect(sumSteps(messages.slice(0, 1)).costMicroUsd).toBe(7)
    expect(sumSteps([])).toMatchObject({ steps: 0, costMicroUsd: 0 })
  })

  test('count reasoning where a provider tells of it', () => {
    const usage = { promptTokens: 1, completionTokens: 2, cachedTokens: 0 }
    expect(addUsage(noUsage(), usage)).toEqual(usage)
    expect(addUsage({ ...usage, reasoningTokens: 2 }, usage).reasoningTokens).toBe(2)
  })
})

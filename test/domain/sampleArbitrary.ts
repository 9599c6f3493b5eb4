import fc from 'fast-check'
import { listMasked } from '../../src/domain/masked.ts'
import { maskOf } from '../../src/domain/redaction.ts'
import { sumSteps } from '../../src/domain/sample.ts'
import { sample, type Sample, type SampleMessage } from '../../src/formats/sample.ts'

const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 20, unit: 'binary' }) },
  fc.constantFrom('', 'a\nb', maskOf('openaiApiKey'), `x${maskOf('private-key')}y`),
)
const count = fc.nat({ max: 1_000_000 })
const instant = fc
  .date({ min: new Date('2025-01-01'), max: new Date('2027-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString())
const place = {
  stage: fc.nat({ max: 2 }),
  phase: fc.constantFrom('work' as const, 'rebase' as const),
  round: fc.nat({ max: 3 }),
  isRepeated: fc.boolean(),
}
const ids = fc.constantFrom('call-0', 'call-1', 'call-2')
const names = fc.constantFrom('shell', 'view', 'submit')
const args = fc.dictionary(
  fc.string({ maxLength: 6 }).filter((name) => name !== '__proto__'),
  fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.array(text, { maxLength: 2 })),
  { maxKeys: 3, noNullPrototype: true },
)
const usage = fc.oneof(
  fc.record({ promptTokens: count, completionTokens: count, cachedTokens: count }),
  fc.record({ promptTokens: count, completionTokens: count, cachedTokens: count, reasoningTokens: count }),
)
const step = fc.record({
  record: fc.option(fc.constant('stages/0/0/calls/000001')),
  model: fc.constantFrom('glm-4.6', ''),
  finishReason: fc.option(fc.constantFrom('stop', 'tool_calls')),
  startedAt: fc.option(instant),
  finishedAt: fc.option(instant),
  usage,
  costMicroUsd: fc.option(fc.nat()),
})
const span = { startedAt: instant, finishedAt: instant }
const execution = fc.oneof(
  fc.record({ kind: fc.constant('between-calls' as const), ...span }),
  fc.record({
    kind: fc.constant('commands' as const),
    records: fc.constant<string[]>(['stages/0/0/commands/000001.0.0']),
    ...span,
    exitCode: fc.nat({ max: 255 }),
    isTimedOut: fc.boolean(),
  }),
)
const calls = fc.array(
  fc.record({ id: ids, type: fc.constant('function' as const), function: fc.record({ name: names, arguments: args }) }),
  { maxLength: 3 },
)
const message: fc.Arbitrary<SampleMessage> = fc.oneof(
  fc.record({ role: fc.constant('system' as const), content: text, ...place }),
  fc.record({ role: fc.constant('user' as const), content: text, ...place }),
  fc.record(
    {
      role: fc.constant('assistant' as const),
      content: text,
      reasoning_content: text,
      tool_calls: calls,
      train: fc.boolean(),
      step: fc.option(step),
      ...place,
    },
    { requiredKeys: ['role', 'content', 'train', 'step', 'stage', 'phase', 'round', 'isRepeated'] },
  ),
  fc.record({
    role: fc.constant('tool' as const),
    tool_call_id: ids,
    name: names,
    content: text,
    execution: fc.option(execution),
    ...place,
  }),
)
/** A turn with the answers to its calls, as agents have them. */
const exchange = fc.tuple(message, fc.array(message, { maxLength: 3 })).map(([turn, answers]) => [
  turn,
  ...answers.map((answer) => {
    const { stage, phase, round, isRepeated } = turn
    const call = turn.role === 'assistant' ? turn.tool_calls?.[0] : undefined
    if (answer.role !== 'tool' || !call) return answer
    return { ...answer, tool_call_id: call.id, name: call.function.name, stage, phase, round, isRepeated }
  }),
])

/** Samples of any shape that the schema allows, with segments anywhere and answers out of their places. */
export const samples: fc.Arbitrary<Sample> = fc
  .tuple(
    fc.array(exchange, { minLength: 1, maxLength: 8 }),
    fc.array(fc.nat({ max: 20 }), { maxLength: 3 }),
    fc.boolean(),
  )
  .map(([exchanges, cuts, isNative]) => {
    // As every sample: a turn with a mask in it is not trained on.
    const messages = exchanges
      .flat()
      .map((one) => (one.role === 'assistant' && listMasked(one).length > 0 ? { ...one, train: false } : one))
    const inner = cuts.filter((at) => at > 0 && at < messages.length)
    const tools = ['shell', 'view'].map((name) => ({ type: 'function' as const, function: { name, strict: true } }))
    const totals = sumSteps(messages)
    const sha = 'a'.repeat(40)
    const blob = `sha256:${'b'.repeat(64)}`
    return sample.parse({
      format: 'prchain.sample/2',
      id: 'night/acme__tool.11-12/1',
      repository: 'acme/tool',
      chain: 'acme__tool.11-12',
      ending: 'partial',
      model: 'glm-4.6',
      scaffold: isNative ? 'native' : 'mini-swe-agent',
      scaffoldVersion: isNative ? null : '2.4.6',
      isScripted: false,
      messages,
      segments: [...new Set([0, ...inner])].sort((a, b) => a - b),
      tools,
      toolSets: [{ from: 0, names: ['shell', 'view'], schemas: blob }],
      redactions: listMasked(messages, '/messages'),
      totals,
      stages: [
        {
          ...{ number: 11, baseSha: sha, resultSha: sha, initialTree: sha, isAccepted: true, rounds: 1, score: 0.97 },
          ...{ hasPassedTests: null, patch: blob, messages: [0, messages.length], ...totals, rebuilds: 0, restored: 0 },
          ...{ diverged: [], rerunCommands: 0, abandonedCalls: 0 },
          carryOver: { policy: 'none', conflicts: 0, decidedBy: null, rebaseRounds: 0, survivingShare: 1 },
        },
      ],
      prompts: blob,
    } satisfies Sample)
  })

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exportAtif } from '../../src/dataset/atifExport.ts'
import { AtifError, importAtif, type AtifRead } from '../../src/dataset/atifImport.ts'
import { createSecrets, maskOf } from '../../src/domain/redaction.ts'
import { maskShapes } from '../../src/domain/secretShapes.ts'
import { atif, type AtifStep } from '../../src/formats/atif.ts'
import type { Masked } from '../../src/formats/masked.ts'
import { importedTrajectory, type ImportedTrajectory } from '../../src/formats/trajectory.ts'
import { samples } from './sampleArbitrary.ts'

const same = (text: string) => text
const print = (value: unknown) => JSON.stringify(value, null, 2)

/** What is stored of a document. */
function stored({ trajectory, source }: AtifRead): ImportedTrajectory {
  const document = `sha256:${'c'.repeat(64)}`
  return importedTrajectory.parse({
    format: 'prchain.imported-trajectory/1',
    id: '0123456789abcdef',
    source: { ...source, document },
    ...trajectory,
  })
}

describe('a sample as ATIF', () => {
  test('is a valid document, comes back as it was, and goes out again byte for byte', () => {
    fc.assert(
      fc.property(samples, (sample) => {
        const document = exportAtif(sample)
        expect(atif.parse(document)).toEqual(document)
        const read = importAtif(print(document), maskShapes)
        const { messages, segments, tools, toolSets, redactions, format: _, ...rest } = sample
        expect(read.trajectory).toEqual({ messages, segments, tools, toolSets, redactions, sample: rest })
        const again = exportAtif(stored(read))
        // All but what says that it was imported.
        expect(print(again).replace('prchain.imported-trajectory/1', 'prchain.sample/2')).toBe(print(document))
        expect(print(exportAtif(stored(importAtif(print(again), maskShapes))))).toBe(print(again))
      }),
      { numRuns: 300 },
    )
  })

  test('says where its own masks stand', () => {
    fc.assert(
      fc.property(samples, (sample) => {
        const { steps, extra } = exportAtif(sample)
        const { redactions } = extra!['prchain'] as { redactions: Masked[] }
        expect(redactions).toHaveLength(sample.redactions.length)
        for (const { pointer, part, from, to, kind } of redactions) {
          if (part === 'name') continue
          const names = pointer.split('/').slice(2)
          const at = names.reduce<unknown>(
            (value, name) => (value as never)[name.replaceAll('~1', '/').replaceAll('~0', '~')],
            steps,
          )
          expect((at as string).slice(from, to)).toBe(maskOf(kind))
        }
      }),
    )
  })
})

describe('an ATIF document of others', () => {
  const agent = { name: 'terminus-2', version: '2.0.0', model_name: 'gpt-4o' }
  const step = (source: AtifStep['source'], message: AtifStep['message'], more: Partial<AtifStep> = {}) => ({
    source,
    message,
    ...more,
  })
  const document = (steps: object[], more: object = {}) =>
    print({
      schema_version: 'ATIF-v1.7',
      session_id: 's',
      agent,
      steps: steps.map((one, index) => ({ step_id: index + 1, ...one })),
      ...more,
    })
  const call = (id: string, name = 'bash') => ({ tool_call_id: id, function_name: name, arguments: { command: 'ls' } })

  test('is told with its times, tokens and price, and with the answers to its tool calls', () => {
    const { trajectory, source } = importAtif(
      document([
        step('system', 'Be helpful.'),
        step('user', [
          { type: 'text', text: 'Do ' },
          { type: 'text', text: 'it.' },
        ]),
        step('agent', 'Looking.', {
          timestamp: '2026-01-02T03:04:05.678901',
          reasoning_content: 'Hm.',
          tool_calls: [call('a'), call('b')],
          observation: {
            results: [
              { source_call_id: 'b', content: 'two' },
              { source_call_id: 'a', content: 'one' },
            ],
          },
          metrics: {
            prompt_tokens: 100,
            completion_tokens: 9,
            cached_tokens: 80,
            cost_usd: 0.000123,
            extra: { reasoning_tokens: 4 },
          },
        }),
      ]),
      same,
    )
    const place = { stage: 0, phase: 'work', round: 0, isRepeated: false }
    expect(trajectory.messages).toEqual([
      { role: 'system', content: 'Be helpful.', ...place },
      { role: 'user', content: 'Do it.', ...place },
      {
        role: 'assistant',
        content: 'Looking.',
        reasoning_content: 'Hm.',
        tool_calls: ['a', 'b'].map((id) => ({
          id,
          type: 'function',
          function: { name: 'bash', arguments: { command: 'ls' } },
        })),
        train: true,
        step: {
          record: null,
          model: 'gpt-4o',
          finishReason: null,
          startedAt: '2026-01-02T03:04:05.678Z',
          finishedAt: null,
          usage: { promptTokens: 100, completionTokens: 9, cachedTokens: 80, reasoningTokens: 4 },
          costMicroUsd: 123,
        },
        ...place,
      },
      { role: 'tool', tool_call_id: 'b', name: 'bash', content: 'two', execution: null, ...place },
      { role: 'tool', tool_call_id: 'a', name: 'bash', content: 'one', execution: null, ...place },
    ])
    expect(trajectory).toMatchObject({ segments: [0], tools: [], toolSets: [], redactions: [], sample: null })
    expect(source).toEqual({
      version: 'ATIF-v1.7',
      agent: { name: 'terminus-2', version: '2.0.0', model: 'gpt-4o' },
      session: 's',
      trajectory: null,
      leftOut: ['steps[].metrics.extra'],
    })
  })

  test('is not trained on where it is copied, no model’s, masked, or calls what is not defined', () => {
    const tools = [{ type: 'function', function: { name: 'bash' } }]
    const key = 'sk-1234-5678'
    const { trajectory } = importAtif(
      document(
        [
          step('agent', 'new'),
          step('agent', 'copied', { is_copied_context: true }),
          step('agent', 'none', { llm_call_count: 0 }),
          step('agent', `the key is ${key}`),
          step('agent', 'known', { tool_calls: [call('a')] }),
          step('agent', 'unknown', { tool_calls: [call('b', 'browse')] }),
        ],
        { agent: { ...agent, tool_definitions: tools } },
      ),
      createSecrets({ openaiApiKey: key }).redact,
    )
    expect(trajectory.messages.map((message) => message.role === 'assistant' && message.train)).toEqual(
      ...[[true, false, false, false, true, false]],
    )
    expect(trajectory.redactions).toEqual([
      { pointer: '/messages/3/content', part: 'value', from: 11, to: 32, kind: 'openaiApiKey' },
    ])
    expect(trajectory).toMatchObject({ tools, toolSets: [{ from: 0, names: ['bash'], schemas: null }] })
  })

  test('without tool calls tells what came of its actions as the user’s next message', () => {
    const { trajectory } = importAtif(
      document([
        step('user', 'Go'),
        step('agent', '{"keystrokes": "ls"}', { observation: { results: [{ content: 'a b' }] } }),
      ]),
      same,
    )
    expect(trajectory.messages.map(({ role, content }) => [role, content])).toEqual([
      ['user', 'Go'],
      ['assistant', '{"keystrokes": "ls"}'],
      ['user', 'a b'],
    ])
  })

  test('is split where its context was replaced', () => {
    const { trajectory, source } = importAtif(
      document([
        step('user', 'Go'),
        step('agent', 'one'),
        step('system', 'Compacted', {
          observation: { results: [{ content: 'So far: one.' }] },
          extra: { context_management: { type: 'compaction', boundary: 'replace' } },
        }),
        step('agent', 'two'),
      ]),
      same,
    )
    expect(trajectory.messages.map(({ content }) => content)).toEqual(['Go', 'one', 'So far: one.', 'two'])
    expect(trajectory.segments).toEqual([0, 2])
    expect(source.leftOut).toEqual(['steps[].extra', 'steps[].message of context boundaries'])
  })

  test('says what of it stands in the document alone', () => {
    const { source } = importAtif(
      document([step('agent', 'x', { reasoning_effort: 'high', metrics: { logprobs: [-0.1] } })], {
        notes: 'n',
        continued_trajectory_ref: 'more.json',
        subagent_trajectories: [{ trajectory_id: 't' }],
        final_metrics: { total_steps: 1 },
      }),
      same,
    )
    expect(source.leftOut).toEqual([
      'continued_trajectory_ref',
      'final_metrics',
      'notes',
      'steps[].metrics.logprobs',
      'steps[].reasoning_effort',
      'subagent_trajectories',
    ])
  })

  test.each([
    ['{"a":', /it is not JSON/],
    ['{"messages": []}', /no ATIF trajectory[\s\S]*schema_version/],
    [document([]), /steps/],
    [document([step('user', 'x')], { schema_version: 'ATIF-v2.0' }), /schema_version/],
    [document([step('user', 'x')], { reward: 1 }), /reward/],
    [document([{ ...step('user', 'x'), step_id: 2 }]), /steps count from 1/],
    [document([step('user', 'x', { metrics: {} })]), /metrics belongs to steps of the agent/],
    [document([step('agent', 'x', { llm_call_count: 0, metrics: {} })]), /without a model call/],
    [document([step('agent', 'x', { tool_calls: [{ ...call('a'), arguments: '{}' as never }] })]), /arguments/],
    [document([step('agent', 'x', { observation: { results: [{ source_call_id: 'z' }] } })]), /tool call z/],
    [document([step('user', 'x', { timestamp: 'yesterday' })]), /ISO 8601/],
    [document([step('user', [{ type: 'image', source: { path: 'a.png' } }])]), /step 1 has an image in it/],
    [
      document([step('user', 'x')], { agent: { ...agent, tool_definitions: [{ name: 'bash' }] } }),
      /tool_definitions\[0\]/,
    ],
    [document([step('user', 'x', { extra: { prchain: { stage: 'first' } } })]), /extra\.prchain of step 1/],
  ])('that is wrong is refused with what is wrong with it (%#)', (text, message) => {
    expect(() => importAtif(text, same)).toThrow(AtifError)
    expect(() => importAtif(text, same)).toThrow(message)
  })
})

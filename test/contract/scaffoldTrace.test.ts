import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { Ports } from '../../src/activities/ports.ts'
import type { RolloutContext } from '../../src/activities/rolloutContext.ts'
import { traceScaffold } from '../../src/activities/scaffoldTrace.ts'
import { openStepFacts } from '../../src/activities/stepFacts.ts'
import { exchangeKey, recordKey } from '../../src/domain/identifiers.ts'
import { toSampleMessages } from '../../src/domain/sample.ts'
import type { AnswerRecord, ExchangeRecord, LaunchRecord } from '../../src/formats/exchange.ts'
import type { StageResult } from '../../src/formats/rollout.ts'
import { createFileStore } from '../../src/store/files.ts'

const ID = 'night/acme__tool.1-2/1'

/** What is asked and answered: the last message of the request, and the reply's text and calls. */
type Asked = [last: string, content: string, ...calls: [name: string, text: string][]]

/** Which replies of a round are trained on, each request with the start and one further message. */
async function trained(scaffold: string, asked: Asked[]): Promise<boolean[]> {
  const store = createFileStore({ dir: mkdtempSync(join(tmpdir(), 'prchain-scaffold-trace-')) })
  const tools = ['bash', 'run_shell_command'].map((name) => ({ type: 'function', function: { name } }))
  const sent = await store.putBlob(JSON.stringify(tools))
  const at = '2026-01-01T00:00:00.000Z'
  await store.putRecord<LaunchRecord>(recordKey.launch(ID, 0, 0, 1), {
    ...{ format: 'prchain.launch/1', n: 1, scaffold, version: '1', life: 'one', task: sent, startedAt: at },
  })
  for (const [n, [last, content, ...calls]] of asked.entries()) {
    const digest = `sha256:${String(n).padEnd(64, '0')}`
    const key = exchangeKey(ID, 0, 0, digest, 0)
    const tool_calls = calls.map(([name, text], index) => ({
      ...{ id: `call-${n}-${index}`, type: 'function', function: { name, arguments: text } },
    }))
    const message = { role: 'assistant', content, ...(calls.length > 0 ? { tool_calls } : {}) }
    const body = Buffer.from(JSON.stringify({ model: 'm', choices: [{ message, finish_reason: 'stop' }] }))
    await store.putRecord<ExchangeRecord>(recordKey.exchange(key), {
      ...{ format: 'prchain.exchange/1', key, digest, launch: 1, finishReason: 'stop', failures: [] },
      ...{ askedAt: at, startedAt: at, finishedAt: at },
      usage: { promptTokens: 1, completionTokens: 1, cachedTokens: 0 },
      request: {
        ...{ prefix: null, tools: sent, fields: {} },
        messages: ['Begin.', last].map((text) => ({ role: 'user', content: text })),
      },
      response: {
        ...{ contentType: 'application/json', sizeBytes: body.length },
        body: await store.putBlob(gzipSync(body)),
      },
    })
    const answer: AnswerRecord = { format: 'prchain.answer/1', exchange: key, digest, n: 0, open: [], at }
    await store.putRecord(recordKey.answer(ID, 0, 0, 1, n), answer)
  }
  const ports = { store } as Ports
  const context = { id: ID, settings: { scaffold, prices: null, model: 'm' } } as RolloutContext
  const accepted = [{ stage: 0, rounds: 1 }] as StageResult[]
  const { conversation } = await traceScaffold(ports, context, accepted, await openStepFacts(ports, context))
  const messages = toSampleMessages(conversation, () => true)
  return messages.flatMap((message) => (message.role === 'assistant' ? [message.train] : []))
}

const run = JSON.stringify({ command: 'ls' })

test('a turn that mini-swe-agent drops and complains of is not trained on', async () => {
  const right: Asked = ['0', 'Look.', ['bash', run]]
  expect(
    await trained('mini-swe-agent', [
      right,
      ['1', 'The work is done.'],
      ['2', '', ['bash', '{"command":']],
      ['3', '', ['bash', '["ls"]']],
      ['4', '', ['bash', '{"cmd":"ls"}']],
      ['5', '', ['run_shell_command', run]],
      ['6', '', ['bash', run], ['bash', '{}']],
      ['7', '', ['bash', run], ['bash', run]],
    ]),
  ).toEqual([true, false, false, false, false, false, false, true])
})

test('a turn of qwen-code without a tool call is trained on, unless it says nothing', async () => {
  expect(
    await trained('qwen-code', [
      ['0', '', ['run_shell_command', run]],
      ['1', ' '],
      ['2', 'The work is done.'],
    ]),
  ).toEqual([true, false, true])
})

test('what qwen-code has its conversation summed up by is not trained on, and what comes before and after is', async () => {
  // As 0.24.4 asks: of a model of its own, and of the one that works, whose cache it shares.
  const directive = 'First, reason in your <analysis> block. Then, produce the <state_snapshot> XML.'
  const summary = '<analysis>…</analysis><state_snapshot>…</state_snapshot>'
  expect(
    await trained('qwen-code', [
      ['0', '', ['run_shell_command', run]],
      [directive, summary],
      [`You sum up.\n<state_snapshot>…</state_snapshot>\n\nDo not call tools. ${directive}`, summary],
      // It calls a tool all the same, and is asked in another way.
      [directive, '', ['run_shell_command', run]],
      ['<state_snapshot>…</state_snapshot>', 'Going on.', ['run_shell_command', run]],
      ['3', 'A <state_snapshot> is read from the file.'],
    ]),
  ).toEqual([true, false, false, false, true, true])
})

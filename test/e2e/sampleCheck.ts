import { expect } from 'vitest'
import { recordKey } from '../../src/domain/identifiers.ts'
import { sumSteps } from '../../src/domain/sample.ts'
import type { ExchangeRecord } from '../../src/formats/exchange.ts'
import type { CallRecord, CommandRecord } from '../../src/formats/record.ts'
import { sample, type Sample } from '../../src/formats/sample.ts'
import type { Store } from '../../src/store/port.ts'

/** Samples as text, but for their times: two runs of the same have the same. */
export function withoutTimes(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'T').replaceAll(/"(modelMs|commandMs)":\d+/g, '"$1":0')
}

/** Holds a sample against its schema and against the records that it names. Returns how many commands it names. */
export async function checkSample(store: Store, line: Sample): Promise<{ commands: number }> {
  expect(sample.parse(line)).toEqual(line)
  expect(line.totals).toEqual(sumSteps(line.messages))
  const names = new Set(line.tools.map((tool) => tool.function.name))
  let commands = 0
  const seen = new Set<string>()
  for (const [index, message] of line.messages.entries()) {
    if (message.role === 'assistant') {
      for (const call of message.tool_calls ?? []) if (message.train) expect(names).toContain(call.function.name)
      expect(message.step === null, 'only context is no step').toBe(message.isRepeated)
      if (message.step === null) continue
      const { record: key, startedAt, finishedAt, usage, costMicroUsd } = message.step
      const record = (await store.getRecord<CallRecord | ExchangeRecord>(recordKey.call(`${line.id}/${key}`)))!
      expect(seen, 'a call is a step once').not.toContain(key)
      seen.add(key!)
      expect({ startedAt, finishedAt, usage }).toEqual({
        startedAt: record.startedAt,
        finishedAt: record.finishedAt,
        usage: 'usage' in record ? record.usage : record.reply.usage,
      })
      expect(costMicroUsd, 'the scripted model has no price').toBeNull()
      const set = line.toolSets.findLast(({ from }) => from <= index)!
      expect(set.schemas).toBe(record.request.tools)
    }
    if (message.role !== 'tool' || message.execution === null) continue
    expect(Date.parse(message.execution.finishedAt)).toBeGreaterThanOrEqual(Date.parse(message.execution.startedAt))
    if (message.execution.kind !== 'commands') continue
    const { records, exitCode } = message.execution
    const last = (await store.getRecord<CommandRecord>(recordKey.call(`${line.id}/${records.at(-1)}`)))!
    expect(exitCode).toBe(last.outcome.exitCode)
    if (message.name === 'shell') expect(message.content).toContain((last.outcome.output ?? '').split('\n')[0])
    commands += records.length
  }
  expect(line.totals.steps).toBe(seen.size)
  expect(line.stages.reduce((sum, { steps }) => sum + steps, 0)).toBe(seen.size)
  return { commands }
}

import { priceOf } from '../domain/price.ts'
import type { SentTools, Traced } from '../domain/sample.ts'
import type { Usage } from '../formats/chat.ts'
import type { BlobRef } from '../formats/common.ts'
import type { Prices } from '../formats/price.ts'
import type { CommandRecord } from '../formats/record.ts'
import type { Execution, SentTool } from '../formats/sample.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'

/** What the record of one model call says, of whichever kind it is. */
export interface Answered {
  key: string
  model: string
  finishReason: string
  startedAt: string
  finishedAt: string
  usage: Usage
  tools: BlobRef | null
}

/** Tells of the steps of a rollout what is on record, with the prices that its campaign was given. */
export interface StepFacts {
  stepOf(answered: Answered): Promise<Omit<NonNullable<Traced['step']>, 'isWork'>>
  /** How a tool call was carried out by commands; null by none. */
  executionOf(commands: readonly CommandRecord[]): Execution | null
  /** Tools as they were sent. */
  readTools(schemas: BlobRef): Promise<SentTool[]>
}

/** Opens the facts of a rollout's steps: functions of the store alone. */
export async function openStepFacts(
  { store }: Pick<Ports, 'store'>,
  { id, settings }: RolloutContext,
): Promise<StepFacts> {
  const prices =
    settings.prices === null ? null : (JSON.parse((await store.getBlob(settings.prices)).toString('utf8')) as Prices)
  const known = new Map<BlobRef, Promise<SentTool[]>>()
  const below = (key: string) => key.slice(id.length + 1)

  function readTools(schemas: BlobRef): Promise<SentTool[]> {
    const reading =
      known.get(schemas) ?? store.getBlob(schemas).then((bytes) => JSON.parse(bytes.toString('utf8')) as SentTool[])
    known.set(schemas, reading)
    return reading
  }

  async function sentTools(schemas: BlobRef | null): Promise<SentTools> {
    const tools = schemas === null ? [] : await readTools(schemas)
    return { names: tools.map((tool) => tool.function.name), schemas }
  }

  return {
    readTools,
    async stepOf({ key, tools, model, finishReason, startedAt, finishedAt, usage }) {
      const costMicroUsd = priceOf(prices, settings.model, usage)
      return {
        facts: { record: below(key), model, finishReason, startedAt, finishedAt, usage, costMicroUsd },
        tools: await sentTools(tools),
      }
    },
    executionOf(commands) {
      const [first, last] = [commands[0], commands.at(-1)]
      if (!first || !last) return null
      const { exitCode, isTimedOut } = last.outcome
      const records = commands.map(({ key }) => below(key))
      return {
        kind: 'commands',
        records,
        startedAt: first.startedAt,
        finishedAt: last.finishedAt,
        exitCode,
        isTimedOut,
      }
    },
  }
}

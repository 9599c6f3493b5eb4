import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cancel } from '../../src/cli/cancel.ts'
import { ceilingsOf, readSpend } from '../../src/cli/ceilings.ts'
import { resume } from '../../src/cli/resume.ts'
import { report } from '../../src/cli/run.ts'
import type { Config } from '../../src/config.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import { priceOf } from '../../src/domain/price.ts'
import type { ExchangeRecord } from '../../src/formats/exchange.ts'
import type { Prices } from '../../src/formats/price.ts'
import type { CallRecord } from '../../src/formats/record.ts'
import { campaignQuery } from '../../src/workflows/messages.ts'
import { workflowId } from '../../src/domain/identifiers.ts'
import { dockerForTests } from '../docker/engine.ts'
import { temporalForTests } from '../temporal/server.ts'
import { exampleChain } from './exampleChain.ts'
import { openDockerLab, openLab, until, type Lab } from './lab.ts'

const server = await temporalForTests()
const docker = await dockerForTests()

const PRICES: Prices = {
  format: 'prchain.prices/1',
  models: { scripted: { input: 2_000_000, cachedInput: 200_000, output: 10_000_000, maxOutputTokens: 4_000 } },
}

/** Gives a lab's models prices. */
async function priced(lab: Lab): Promise<{ lab: Lab; chain: string }> {
  lab.config.prices = join(lab.dir, 'prices.json')
  writeFileSync(lab.config.prices, JSON.stringify(PRICES))
  return { lab, chain: await exampleChain(lab, 2) }
}

/** What all recorded calls of a campaign cost together, in micro-dollars. */
async function priceOfRecords(lab: Lab, campaign: string): Promise<number> {
  const keys = await lab.store.listRecords(recordKey.rollouts(campaign))
  const calls = keys.filter((key) => /\/(calls|plan|judge|exchanges)\//.test(key))
  let total = 0
  for (const key of calls) {
    const record = (await lab.store.getRecord<CallRecord | ExchangeRecord>(key))!
    total += priceOf(PRICES, 'scripted', 'reply' in record ? record.reply.usage : record.usage)!
  }
  return total
}

const quiet = { isJson: false, say: () => {}, emit: () => {} }
const raising = (lab: Lab, budgetUsd: number) => ({
  config: { ...lab.config, temporalAddress: lab.embedded.address },
  asked: ceilingsOf({ budgetUsd, budgetTokens: null, budgetUsdChain: null, budgetUsdStage: null, budgetUsdDay: null }),
})

/** Runs a campaign into its ceiling, looks at how it stands, raises the ceiling, and follows it to its end. */
async function passCeiling(
  lab: Lab,
  name: string,
  chain: string,
  settings: Partial<Config> & { budgetUsd: number },
): Promise<void> {
  await lab.start(name, [chain], settings)
  const followed = await lab.follow(name)
  expect(followed.status).toBe('needs-attention')
  const lines: string[] = []
  expect(report({ followed, name, terminal: { ...quiet, say: (line) => lines.push(line) }, uiUrl: null })).toBe(1)
  expect(lines[0]).toContain(`the ceiling of campaign ${name} is reached`)
  expect(lines[0]).toContain(`prchain resume ${name} --budget-usd N`)
  expect(await priceOfRecords(lab, name)).toBeLessThanOrEqual(settings.budgetUsd * 1_000_000)
  expect(await resume({ ...raising(lab, 1_000), target: name, terminal: quiet })).toBe(0)
  await until('the campaign to end', async () => (await lab.follow(name)).status === 'completed', 180)
  expect((await lab.rollout(`${name}/${chain}/1`)).ending).toBe('accepted')
  await until('the account to be settled', async () => (await readSpend(lab.config, name)).openMicroUsd === 0)
  expect(await readSpend(lab.config, name)).toMatchObject({
    microUsd: await priceOfRecords(lab, name),
    unknownMicroUsd: 0,
  })
}

describe.skipIf(server === null)('a campaign under a ceiling', () => {
  let lab: Lab
  let chain: string
  beforeAll(async () => {
    ;({ lab, chain } = await priced(await openLab({ temporal: server!.binary, isUntested: true })))
  })
  afterAll(() => lab.stop())

  test('waits when the next call could pass it, and goes on when it is raised', async () => {
    await passCeiling(lab, 'poor', chain, { budgetUsd: 0.1 })
  }, 200_000)

  test('of 50 chains at once never passes it', async () => {
    const ceiling = 300_000
    await lab.start('crowd', [chain], { rollouts: 50, concurrency: 50, budgetUsd: ceiling / 1_000_000 })
    const campaign = lab.client.workflow.getHandle(workflowId.campaign('crowd'))
    await until(
      'all to wait',
      async () => {
        const { microUsd, openMicroUsd } = await readSpend(lab.config, 'crowd')
        expect(microUsd! + openMicroUsd).toBeLessThanOrEqual(ceiling)
        return (await campaign.query(campaignQuery)).chains.parked === 50
      },
      180,
      200,
    )
    const paid = await priceOfRecords(lab, 'crowd')
    expect(paid).toBeLessThanOrEqual(ceiling)
    expect(paid).toBeGreaterThan(ceiling / 2)
    await cancel({ config: { ...lab.config, temporalAddress: lab.embedded.address }, target: 'crowd', terminal: quiet })
    expect(await lab.follow('crowd')).toMatchObject({ status: 'cancelled' })
  }, 300_000)

  test('is refused without the prices that the ceiling needs, and a ceiling that comes too late is', async () => {
    await expect(lab.start('blind', [chain], { prices: null, budgetUsd: 1 })).rejects.toThrow(
      '--budget-usd needs to know what the models cost: there is no price table, and so no price of "scripted"; give --prices FILE',
    )
    const { config } = raising(lab, 1)
    const late = ceilingsOf({ ...config, budgetUsd: null, budgetUsdChain: 1 })
    await expect(resume({ config, target: 'poor', asked: late, terminal: quiet })).rejects.toThrow(
      'such a ceiling is given when a campaign begins',
    )
  })
})

describe.skipIf(server === null || docker === null)('a scaffold under a ceiling', () => {
  let lab: Lab
  let chain: string
  beforeAll(async () => {
    const settings = { siiCliPath: join(import.meta.dirname, '..', 'siiBridge') }
    const opening = openDockerLab({
      temporal: server!.binary,
      socketPath: docker!.socketPath,
      settings,
      isUntested: true,
    })
    ;({ lab, chain } = await priced(await opening))
  }, 180_000)
  afterAll(() => lab.stop())

  test.concurrent.each([
    ['mini-swe-agent', 0.1],
    ['qwen-code', 0.4],
    ['sii-cli', 0.1],
  ] as const)(
    '%s is held where it is, and goes on from there when the ceiling is raised',
    async (scaffold, budgetUsd) => {
      await passCeiling(lab, `poor-${scaffold}`, chain, { scaffold, budgetUsd })
      const keys = await lab.store.listRecords(recordKey.stages(`poor-${scaffold}/${chain}/1`))
      // One launch for each of the two stages: none was lost by the pause.
      expect(keys.filter((key) => key.includes('/launches/'))).toHaveLength(2)
      expect(keys.some((key) => key.includes('/holds/'))).toBe(true)
    },
    300_000,
  )
})

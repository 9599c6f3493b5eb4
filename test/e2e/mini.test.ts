import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { ExchangeRecord } from '../../src/formats/exchange.ts'
import { BASE_IMAGE, dockerForTests } from '../docker/engine.ts'
import { temporalForTests } from '../temporal/server.ts'
import { exampleChain } from './exampleChain.ts'
import { checkSample } from './sampleCheck.ts'
import { exampleForTests, openDockerLab, type Lab } from './lab.ts'

const docker = await dockerForTests()
const server = await temporalForTests()

describe.skipIf(server === null || docker === null)('mini-swe-agent, the real one', () => {
  let lab: Lab
  let chain: string
  beforeAll(async () => {
    const { socketPath } = docker!
    lab = await openDockerLab({ temporal: server!.binary, socketPath, settings: { scaffold: 'mini-swe-agent' } })
    chain = await exampleChain(lab, 2)
  }, 180_000)
  afterAll(() => lab.stop())

  const exchangesOf = async (rollout: string) => {
    const keys = await lab.store.listRecords(recordKey.stages(rollout))
    const found = keys.filter((key) => key.includes('/exchanges/'))
    return Promise.all(found.map(async (key) => (await lab.store.getRecord<ExchangeRecord>(key))!))
  }

  test('drives a chain from end to end, refused, told and repaired, and its conversations are the sample', async () => {
    await lab.script({ flaws: ['missing-hunk'] })
    await lab.run('whole', [chain])
    const rollout = await lab.rollout(`whole/${chain}/1`)
    expect(rollout).toMatchObject({ ending: 'accepted', settings: { scaffold: 'mini-swe-agent' } })
    expect(rollout.stages.some(({ rounds }) => rounds > 1)).toBe(true)
    const [sample] = lab.samples('whole')
    expect(sample).toMatchObject({ scaffold: 'mini-swe-agent' })
    expect(sample!.tools.map(({ function: { name } }) => name)).toEqual(['bash'])
    const rounds = rollout.stages.reduce((sum, stage) => sum + stage.rounds, 0)
    expect(sample!.segments).toHaveLength(rounds)
    expect(sample!.segments.map((at) => sample!.messages[at]!.role)).toEqual(
      Array.from({ length: rounds }, () => 'system'),
    )
    expect(sample!.messages.filter((message) => message.role === 'assistant' && message.train).length).toBeGreaterThan(
      4,
    )
    expect(JSON.stringify(sample)).not.toMatch(/prchain-[0-9a-f]{48}/)
    await checkSample(lab.store, sample!)
    const answers = sample!.messages.filter((message) => message.role === 'tool')
    expect(answers.every(({ execution }) => execution?.kind === 'between-calls')).toBe(true)

    // Under the same script it asks the same, but for what is on its list.
    await lab.run('again', [chain])
    const digestsOf = async (campaign: string) =>
      (await exchangesOf(`${campaign}/${chain}/1`)).map(({ key, digest }) => [key.slice(campaign.length), digest])
    expect(await digestsOf('again')).toEqual(await digestsOf('whole'))
  }, 300_000)

  test('refuses an environment without its Python before anything is asked of the agent, and says what would help', async () => {
    const environment = join(lab.dir, 'without-python.json')
    const { environment: given } = await exampleForTests()
    const dockerfile = `FROM ${BASE_IMAGE}\nRUN rm -f /usr/bin/python3*\n`
    writeFileSync(environment, JSON.stringify({ ...given, image: undefined, dockerfile }))
    await lab.run('without', [chain], { environment })
    const { ending, reason, stages } = await lab.rollout(`without/${chain}/1`)
    expect({ ending, stages }).toEqual({ ending: 'environment-invalid', stages: [] })
    expect(reason).toMatch(
      /^mini-swe-agent needs python3, 3\.10 or newer, and the environment has none \(.*\); take an image/,
    )
    expect(Object.keys(await lab.counts()).filter((key) => key.startsWith(`without/${chain}/1/stages/`))).toEqual([])
  }, 120_000)
})

import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordKey } from '../../src/domain/identifiers.ts'
import { textOf } from '../../src/domain/wireContent.ts'
import type { ExchangeRecord, LaunchRecord } from '../../src/formats/exchange.ts'
import type { RoundEndRecord } from '../../src/formats/record.ts'
import { createMessagesReader } from '../../src/record/exchangeMessages.ts'
import { dockerForTests } from '../docker/engine.ts'
import { temporalForTests } from '../temporal/server.ts'
import { exampleChain } from './exampleChain.ts'
import { openDockerLab, until, type Lab } from './lab.ts'
import { checkSample } from './sampleCheck.ts'

const docker = await dockerForTests()
const server = await temporalForTests()

interface WireMessage {
  role: string
  content: unknown
  tool_calls?: { id: string }[]
}

describe.skipIf(server === null || docker === null)('qwen-code, the real one', () => {
  let lab: Lab
  let chain: string
  let script: object
  const client = new Docker({ socketPath: docker?.socketPath })
  beforeAll(async () => {
    const { socketPath } = docker!
    lab = await openDockerLab({ temporal: server!.binary, socketPath, settings: { scaffold: 'qwen-code' } })
    chain = await exampleChain(lab, 2)
    // What it keeps in a work tree is no part of a patch.
    const keeping = { testCommand: 'mkdir -p .qwen && echo kept > .qwen/notes.md' }
    script = { flaws: ['missing-hunk'], latencyMs: 100, chains: { [chain]: { stages: { 1: keeping } } } }
    await lab.script(script)
  }, 180_000)
  afterAll(() => lab.stop())

  const recordsOf = async <T>(rollout: string, part: string) => {
    const keys = (await lab.store.listRecords(recordKey.stages(rollout))).filter((key) => key.includes(`/${part}`))
    return Promise.all(keys.map(async (key) => (await lab.store.getRecord<T>(key))!))
  }
  const exchangesOf = (rollout: string) => recordsOf<ExchangeRecord>(rollout, 'exchanges/')
  const digestsOf = async (campaign: string) =>
    (await exchangesOf(`${campaign}/${chain}/1`)).map(({ key, digest }) => [key.slice(campaign.length), digest])
  const openingOf = async (rollout: string, stage: number, round: number) => {
    const keys = await lab.store.listRecords(recordKey.answers(rollout, stage, round, 1))
    const { exchange } = (await lab.store.getRecord<{ exchange: string }>(keys[0]!))!
    const record = (await lab.store.getRecord<ExchangeRecord>(recordKey.exchange(exchange)))!
    return (await createMessagesReader(lab.store)(record)) as WireMessage[]
  }
  const patchesOf = async (campaign: string) =>
    (await lab.rollout(`${campaign}/${chain}/1`)).stages.map(({ tree, patch }) => ({ tree, patch }))

  test('drives a chain from end to end in one conversation: what is said of its work is its next user turn', async () => {
    await lab.run('whole', [chain])
    const id = `whole/${chain}/1`
    const rollout = await lab.rollout(id)
    expect(rollout).toMatchObject({ ending: 'accepted', settings: { scaffold: 'qwen-code' } })
    expect(rollout.stages.map(({ rounds }) => rounds)).toEqual([2, 2])

    const [first, told, next] = [await openingOf(id, 0, 0), await openingOf(id, 0, 1), await openingOf(id, 1, 0)]
    expect(first.map(({ role }) => role)).toEqual(['system', 'user'])
    // The refused round's turns stand in the next request, by their own ids, and the feedback comes after them.
    const callsOf = (messages: WireMessage[]) =>
      messages.flatMap((message) => message.tool_calls?.map(({ id }) => id) ?? [])
    expect(callsOf(told).length).toBeGreaterThan(2)
    expect(callsOf(next).slice(0, callsOf(told).length)).toEqual(callsOf(told))
    const [verdict] = await lab.verdicts(id, 0)
    expect([told.at(-1)!.role, textOf(told.at(-1)!.content)]).toEqual([
      'user',
      expect.stringContaining(verdict!.feedback),
    ])
    expect(textOf(next.at(-1)!.content)).toContain('# Request 2 of 2')

    const launches = await recordsOf<LaunchRecord>(id, 'launches/')
    expect(launches.map(({ session }) => session === null)).toEqual([true, false, false, false])
    const [end] = await recordsOf<RoundEndRecord>(id, '0/end')
    expect((await lab.store.getBlob(end!.trajectory!)).toString()).toContain('"sessionId"')
    for (const { patch } of rollout.stages) {
      expect((await lab.store.getBlob(patch)).toString()).not.toMatch(/\.qwen|notes\.md/)
    }

    const [sample] = lab.samples('whole')
    expect(sample).toMatchObject({ scaffold: 'qwen-code' })
    await checkSample(lab.store, sample!)
    expect(sample!.tools.map(({ function: { name } }) => name)).toEqual(
      expect.arrayContaining(['read_file', 'edit', 'write_file', 'run_shell_command', 'tool_search']),
    )
    expect(JSON.stringify(sample)).not.toMatch(/prchain-[0-9a-f]{48}/)
  }, 300_000)

  test('asks the same under the same script, though its container is killed in a refinement: it goes on from the record', async () => {
    const id = `again/${chain}/1`
    await lab.start('again', [chain])
    await until(
      'an exchange of the refinement',
      async () => (await lab.store.listRecords(recordKey.exchanges(id, 0, 1))).length >= 1,
      240,
    )
    // Slow from here, so that the refinement is not over before the container is.
    await lab.script({ ...script, latencyMs: 3_000 })
    const [container] = await client.listContainers({ filters: await lab.containerFilters(id) })
    await client.getContainer(container!.Id).kill()
    await lab.script(script)
    await lab.complete('again')
    expect(await digestsOf('again')).toEqual(await digestsOf('whole'))
    expect(await patchesOf('again')).toEqual(await patchesOf('whole'))
    const launches = await recordsOf<LaunchRecord>(id, '1/launches/')
    expect(launches.slice(0, 2).map(({ n, session }) => [n, session])).toEqual([
      [1, launches[0]!.session],
      [2, launches[0]!.session],
    ])
    expect(launches[0]!.life).not.toBe(launches[1]!.life)
  }, 300_000)

  test('has nothing in its conversation of a provider that broke off in the middle of its words', async () => {
    const lastOfRound = { role: 'agent', stage: 0, round: 1, skip: 3 }
    await lab.script({ ...script, faults: [{ kind: 'cut', at: 'end', ...lastOfRound }] })
    await lab.run('cut', [chain])
    const struck = (await exchangesOf(`cut/${chain}/1`)).filter(({ failures }) => failures.length > 0)
    expect(struck.map(({ failures, finishReason }) => [failures[0]!.kind, finishReason])).toEqual([['cut', 'stop']])
    expect(await digestsOf('cut')).toEqual(await digestsOf('whole'))
  }, 300_000)
})

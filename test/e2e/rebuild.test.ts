import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { composeSandboxes } from '../../src/compose.ts'
import type { Config } from '../../src/config.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { LifeRecord } from '../../src/formats/record.ts'
import { temporalForTests } from '../temporal/server.ts'
import { exampleChain } from './exampleChain.ts'
import { exampleForTests, openLab, until, type Lab } from './lab.ts'

const server = await temporalForTests()

describe.skipIf(server === null)('a sandbox that is lost in the middle of a stage', () => {
  const labs: Lab[] = []
  afterAll(async () => {
    for (const lab of labs) await lab.stop()
  })

  /** The example's environment, with a setup that makes a file and rewrites one, as builds do. */
  const SETUP = ['mkdir -p made && date > made/by-setup.txt', 'printf "\\n" >> README.md']

  async function open(settings: Partial<Config>): Promise<{ lab: Lab; chain: string }> {
    const { environment } = await exampleForTests()
    const lab = await openLab({
      temporal: server!.binary,
      environment: { ...environment, setup: SETUP },
      settings: { sandbox: 'process', ...settings },
    })
    labs.push(lab)
    return { lab, chain: await exampleChain(lab, 2) }
  }

  const commands = async (lab: Lab, id: string, round: number) =>
    (await lab.store.listRecords(`${recordKey.stage(id, 0)}/${round}/commands`)).length

  async function lose(lab: Lab, id: string): Promise<void> {
    const provider = composeSandboxes(lab.config)('process')
    for (const { name } of await provider.list({ rollout: id })) await provider.remove(name)
  }

  async function secondLife(lab: Lab, id: string): Promise<LifeRecord> {
    const lives = await lab.store.listRecords(recordKey.lives(id, 0, 'work'))
    expect(lives).toHaveLength(2)
    return (await lab.store.getRecord<LifeRecord>(lives[1]!))!
  }

  describe('whose commands had run for long', () => {
    let lab: Lab
    let chain: string
    beforeAll(async () => {
      ;({ lab, chain } = await open({ checkpointMs: 1, rerunMs: 0 }))
    })

    test('is rebuilt from its last checkpoint: only later commands run again, and the patches are the same', async () => {
      await lab.script({ latencyMs: 60, extraSteps: 12 })
      await lab.run('calm', [chain])
      await lab.start('restored', [chain])
      const id = `restored/${chain}/1`
      const before = await until('some commands', async () => {
        const count = await commands(lab, id, 0)
        return count >= 8 && count
      })
      await lose(lab, id)
      await lab.complete('restored')
      const life = await secondLife(lab, id)
      expect(life.restored).not.toBeNull()
      expect(life.rerun.length).toBeLessThan(before)
      expect(life.differing).toEqual([])
      const patches = async (name: string) =>
        (await lab.rollout(`${name}/${chain}/1`)).stages.map(({ tree, patch }) => ({ tree, patch }))
      expect(await patches('restored')).toEqual(await patches('calm'))
    })
  })

  describe('whose commands make something else when they run again', () => {
    let lab: Lab
    let chain: string
    beforeAll(async () => {
      ;({ lab, chain } = await open({ checkpointMs: 0 }))
    })

    test('is brought back to what is on record, and the sample names the command', async () => {
      await lab.script({
        latencyMs: 60,
        extraSteps: 12,
        flaws: ['missing-hunk'],
        testCommand: '[ -e stamp.txt ] || date +%s%N > stamp.txt',
      })
      await lab.start('stamped', [chain])
      const id = `stamped/${chain}/1`
      await until('the second round', async () => (await commands(lab, id, 1)) >= 5)
      await lose(lab, id)
      await lab.complete('stamped')
      const life = await secondLife(lab, id)
      expect(life.restored).toBeNull()
      expect(life.differing).toHaveLength(1)
      const repository = await lab.openRepository()
      const stamp = async (round: number) =>
        (await repository.readFile((await lab.capture(id, 0, round)).tree, 'stamp.txt'))?.toString()
      expect(await stamp(1)).toBe(await stamp(0))
      expect(await stamp(0)).toMatch(/^\d{19}\n$/)
      expect(lab.samples('stamped')[0]!.stages[0]!.diverged).toEqual(life.differing)
    })
  })
})

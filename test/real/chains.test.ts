import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { composeChains } from '../../src/compose.ts'
import type { Config } from '../../src/config.ts'
import { recordKey, TASK_QUEUE, workflowId } from '../../src/domain/identifiers.ts'
import type { StageState } from '../../src/formats/rollout.ts'
import type { Mined } from '../../src/workflows/mineRepository.ts'
import { dockerForTests } from '../docker/engine.ts'
import { openLab, type Lab } from '../e2e/lab.ts'
import { temporalForTests } from '../temporal/server.ts'
import { provideRealImage } from './image.ts'

interface RealChain {
  id: string
  repo: string
  env: { pip: string[]; pythonpath: string[]; pytest_args: string[]; prep?: string }
  prs: {
    number: number
    base_sha: string
    merge_sha: string
    test_command_files: string[]
    f2p: string[]
    p2p_count: number
  }[]
}

const data = process.env['PRCHAIN_TEST_DATA']!
const mirrors = process.env['PRCHAIN_TEST_MIRRORS']!
const { chains } = JSON.parse(readFileSync(join(data, 'chains.json'), 'utf8')) as { chains: RealChain[] }

/** The links of this chain are contrasts, so no miner finds it: it is given by hand. */
const IMPORTED = 'humanize-rollover-3'
const REFINED = 'packaging-wheelname-3'
const SCAFFOLDS = (process.env['PRCHAIN_TEST_SCAFFOLDS'] ?? '').split(',') as Config['scaffold'][]
const played = SCAFFOLDS.flatMap((scaffold) => chains.map((chain) => [chain.id, scaffold, chain] as const))

describe('the real chains', () => {
  const labs = new Map<string, Lab>()
  beforeAll(async () => {
    const docker = (await dockerForTests())!
    const server = (await temporalForTests())!
    for (const repo of new Set(chains.map((chain) => chain.repo))) {
      const { env } = chains.find((chain) => chain.repo === repo)!
      const image = await provideRealImage(docker, env.pip)
      const lab = await openLab({
        temporal: server.binary,
        mirrors,
        recorded: join(data, 'github'),
        // One stage surely lacks a hunk at first, of the others about half.
        scripted: {
          flaws: [{ kind: 'missing-hunk', share: 0.5 }],
          chains: { 'pypa__packaging.1150-1234-1305': { stages: { 0: { flaws: ['missing-hunk'] } } } },
        },
        environment: {
          format: 'prchain.environment/1',
          image,
          env: { PYTHONPATH: env.pythonpath.join(':') },
          setup: env.prep ? [`printf "__version__ = '0'\\n" > src/humanize/_version.py`] : [],
          test: {
            command: `python3 -m pytest -q -o addopts= -o filterwarnings= -o junit_family=xunit1 -p no:cacheprovider --junitxml={report} {files}`,
          },
        },
        settings: { sandbox: 'docker', dockerHost: `unix://${docker.socketPath}` },
      })
      labs.set(repo, lab)
    }
  }, 900_000)
  afterAll(async () => {
    for (const lab of labs.values()) await lab.stop()
  })

  test.each(played)(
    '%s, whole, by %s: every stage accepted, with the fail-to-pass tests that are named',
    async (name, scaffold, real) => {
      const lab = labs.get(real.repo)!
      const id = name === IMPORTED ? await importChain(lab, real) : await mineChain(lab, real)
      const campaign = `${name}-${scaffold}`
      await lab.run(campaign, [id], { scaffold })
      const rollout = `${campaign}/${id}/1`
      expect(await lab.rollout(rollout)).toMatchObject({ ending: 'accepted' })
      for (const [index, pull] of real.prs.entries()) {
        const state = (await lab.store.getRecord<StageState>(recordKey.stageState(rollout, index)))!
        expect(state.number).toBe(pull.number)
        expect(state.before!.failToPass.toSorted()).toEqual(pull.f2p.toSorted())
        expect(state.before!.passToPass.length).toBe(pull.p2p_count)
        const verdict = (await lab.verdicts(rollout, index)).at(-1)!
        expect(verdict).toMatchObject({ isAccepted: true, rule: 'hybrid', hasPassedTests: true })
      }
      const known = (await lab.store.getRecord<{ stages: { baseSha: string; resultSha: string }[] }>(
        recordKey.chain(id),
      ))!
      expect(known.stages.map(({ baseSha, resultSha }) => [baseSha, resultSha])).toEqual(
        real.prs.map((pull) => [pull.base_sha, pull.merge_sha]),
      )
      const [line] = lab.samples(campaign)
      expect(line!.stages).toHaveLength(real.prs.length)
      if (name === REFINED) expect(line!.stages[0]!.rounds).toBe(2)
      console.log(
        `${campaign}: ${line!.stages.map((stage) => `#${stage.number} ${stage.rounds} round(s), ${stage.toolCalls} tool calls`).join('; ')}`,
      )
    },
    600_000,
  )

  async function mineChain(lab: Lab, real: RealChain): Promise<string> {
    const mined: Mined = await lab.client.workflow.execute('mineRepository', {
      workflowId: workflowId.mine(real.repo),
      taskQueue: TASK_QUEUE,
      args: [{ repository: real.repo, mirrors, mode: 'semantic', source: 'github', min: 2, max: 5 }],
    })
    const id = `${real.repo.replace('/', '__')}.${real.prs.map((pull) => pull.number).join('-')}`
    expect(mined.chains).toContain(id)
    return id
  }

  async function importChain(lab: Lab, real: RealChain): Promise<string> {
    const { resolveChain, storeChain } = composeChains(lab.config)
    await storeChain(await resolveChain({ repo: real.repo, prs: real.prs.map((pull) => pull.number), id: real.id }))
    return real.id
  }
})

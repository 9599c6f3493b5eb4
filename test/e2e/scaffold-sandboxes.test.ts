import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bubblewrapForTests } from '../contract/bubblewrapForTests.ts'
import { temporalForTests } from '../temporal/server.ts'
import { exampleChain } from './exampleChain.ts'
import { openLab, type Lab } from './lab.ts'
import { prchainProcesses } from './processes.ts'

const server = await temporalForTests()
const bubblewrap = await bubblewrapForTests()

describe.skipIf(server === null)('mini-swe-agent without Docker', () => {
  let lab: Lab
  let chain: string
  beforeAll(async () => {
    lab = await openLab({ temporal: server!.binary, settings: { scaffold: 'mini-swe-agent', accept: 'judge' } })
    chain = await exampleChain(lab, 2)
  })
  afterAll(() => lab.stop())

  test.skipIf(bubblewrap === null).each(['bubblewrap', 'process'] as const)(
    'drives a chain from end to end in sandboxes of %s, and leaves nothing',
    async (sandbox) => {
      await lab.run(sandbox, [chain], { sandbox })
      const rollout = await lab.rollout(`${sandbox}/${chain}/1`)
      expect(rollout).toMatchObject({ ending: 'accepted', settings: { sandbox, scaffold: 'mini-swe-agent' } })
      expect(rollout.stages.map(({ isAccepted }) => isAccepted)).toEqual([true, true])
      const [sample] = lab.samples(sandbox)
      expect(sample!.tools.map(({ function: { name } }) => name)).toEqual(['bash'])
      expect(JSON.stringify(sample)).not.toMatch(/prchain-[0-9a-f]{48}/)
      expect(prchainProcesses(lab.dir).filter(({ command }) => command.includes('python3'))).toEqual([])
    },
    300_000,
  )
})

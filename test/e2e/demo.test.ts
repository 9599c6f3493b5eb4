import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { funnel } from '../../src/formats/campaign.ts'
import { sample } from '../../src/formats/sample.ts'
import { temporalForTests } from '../temporal/server.ts'
import { prchain } from './command.ts'
import { prchainProcesses } from './processes.ts'

const server = await temporalForTests()

const lastLine = z.object({ status: z.literal('completed'), funnel, samplesPath: z.string(), temporalUi: z.url() })

describe.skipIf(server === null)('prchain demo', () => {
  test('does the main job, whole, says where everything is, and leaves no process behind', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'prchain-demo-'))
    const ran = await prchain(['demo', '--json'], {
      dir,
      env: { PRCHAIN_TEMPORAL_CLI: server!.binary, HOME: dir },
      timeoutMs: 280_000,
    })
    expect(ran, ran.stderr).toMatchObject({ code: 0 })
    const lines = ran.stdout.trim().split('\n')
    const last = lastLine.parse(JSON.parse(lines.at(-1)!))
    expect(last.funnel).toMatchObject({ chains: 2, stages: 5, accepted: 5, samples: 2 })
    expect(last.funnel.pullRequests).toBeGreaterThanOrEqual(10)
    expect(last.funnel.rounds).toBeGreaterThan(5)
    const samples = readFileSync(last.samplesPath, 'utf8')
      .trim()
      .split('\n')
      .map((line) => sample.parse(JSON.parse(line)))
    expect(samples.map((one) => one.ending)).toEqual(['accepted', 'accepted'])
    expect(ran.stderr).toMatch(/stage 1 .* accepted/)
    expect(ran.stderr).toContain(last.temporalUi)
    expect(prchainProcesses(dir)).toEqual([])
  }, 300_000)
})

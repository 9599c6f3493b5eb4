import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { recordKey, workflowId } from '../../src/domain/identifiers.ts'
import { temporalForTests } from '../temporal/server.ts'
import { exampleChain } from './exampleChain.ts'
import { openLab, until, type Lab } from './lab.ts'

const server = await temporalForTests()
const KEY = 'sk-sentinel-4f1c9a7e2b'
const TOKEN = 'ghp_sentinel_8d3e6b0f5a'

describe.skipIf(server === null)('secrets', () => {
  const labs: Lab[] = []
  afterAll(async () => {
    for (const lab of labs) await lab.stop()
  })

  test('of the worker reach no log, record, sandbox, sample or Temporal payload', async () => {
    // An endpoint that is no scripted one to prchain: it is named by OPENAI_BASE_URL and sent the key.
    const lab = await openLab({
      temporal: server!.binary,
      settings: {
        openaiBaseUrl: 'http://127.0.0.1:9/v1',
        openaiApiKey: KEY,
        githubToken: TOKEN,
        model: 'm',
        modelTries: 2,
        modelRetryMs: 10,
      },
    })
    labs.push(lab)
    const chain = await exampleChain(lab, 2)
    await lab.start('real', [chain])
    const handle = lab.client.workflow.getHandle(workflowId.chain(`real/${chain}/1`))
    await until('the chain to park', async () => (await lab.follow('real')).status === 'needs-attention')
    await handle.cancel()
    await until('the chain to end', () => lab.store.getRecord(recordKey.rollout(`real/${chain}/1`)))

    const history = JSON.stringify(await handle.fetchHistory(), (_, value: unknown) =>
      value instanceof Uint8Array
        ? Buffer.from(value).toString('utf8')
        : typeof value === 'bigint'
          ? String(value)
          : value,
    )
    for (const secret of [KEY, TOKEN]) {
      expect(history).not.toContain(secret)
      expect(filesWith(lab.config.store, secret)).toEqual([])
      expect(lab.said.join('\n')).not.toContain(secret)
    }
  })

  test('that an agent prints are masked in what is recorded, and its commands have no variable of the worker', async () => {
    const scripted = { testCommand: `env; echo the key is ${KEY}` }
    const lab = await openLab({
      temporal: server!.binary,
      scripted,
      settings: { githubToken: TOKEN },
      workerEnv: { PRCHAIN_TEST_SENTINEL: 'seen' },
    })
    labs.push(lab)
    const chain = await exampleChain(lab, 2)
    await lab.run('printing', [chain])
    expect(filesWith(lab.config.store, TOKEN)).toEqual([])
    expect(filesWith(join(lab.config.store, 'records'), 'PRCHAIN_TEST_SENTINEL')).toEqual([])
    expect(filesWith(join(lab.config.store, 'records'), 'TEMPORAL_ADDRESS')).toEqual([])
  })
})

/** Files below a folder that hold a text. */
function filesWith(dir: string, text: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dir, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() && readFileSync(path).includes(text))
}

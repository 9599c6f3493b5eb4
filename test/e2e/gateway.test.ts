import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gatewaySocket } from '../../src/gatewayReach.ts'
import { exchangeKey, recordKey } from '../../src/domain/identifiers.ts'
import type { ExchangeRecord } from '../../src/formats/exchange.ts'
import { issueToken } from '../../src/record/grants.ts'
import { temporalForTests } from '../temporal/server.ts'
import { prchain } from './command.ts'
import { exampleChain } from './exampleChain.ts'
import { openLab, until, type Lab } from './lab.ts'

const server = await temporalForTests()

describe.skipIf(server === null)('the gateway of an embedded prchain', () => {
  let lab: Lab
  let rollout: string
  let token: string
  beforeAll(async () => {
    lab = await openLab({ temporal: server!.binary })
    const chain = await exampleChain(lab, 2)
    rollout = `called/${chain}/1`
    const place = { rollout, chain, stage: 0, round: '0', launch: 1 }
    token = await issueToken(lab.store, { ...place, scaffold: 'mini-swe-agent', model: 'scripted' })
  })
  afterAll(() => lab.stop())

  /** Calls the gateway over its socket, as what stands in a sandbox would. */
  function call(body: unknown): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const path = '/v1/chat/completions'
      const sent = request({ socketPath: gatewaySocket(lab.config), path, method: 'POST', headers }, (response) => {
        text(response).then((given) => resolve({ status: response.statusCode!, body: given }), reject)
      })
      sent.once('error', reject)
      sent.end(JSON.stringify(body))
    })
  }

  const asking = (content: string) => ({
    model: 'whatever',
    messages: [{ role: 'user', content }],
    tools: [{ type: 'function', function: { name: 'shell', parameters: { type: 'object' } } }],
  })

  test('brings a round’s calls to the model, killed or not, and stores each once', async () => {
    const first = await until('the gateway', () => call(asking('Begin.')).catch(() => null))
    expect(first.status).toBe(200)
    expect(JSON.parse(first.body)).toMatchObject({ model: 'scripted', choices: [{ finish_reason: 'tool_calls' }] })

    await lab.script({ latencyMs: 1_000 })
    const pid = lab.embedded.processes().gateway!
    const cut = call(asking('Go on.')).catch((error: Error) => error)
    await until('the call to be under way', async () =>
      Object.entries(await lab.counts()).some(
        ([key, { asked, answered }]) => key.startsWith(rollout) && asked > answered,
      ),
    )
    process.kill(pid, 'SIGKILL')
    expect(await cut).toBeInstanceOf(Error)
    const again = await until('another gateway', () => call(asking('Go on.')).catch(() => null))
    expect(again.status).toBe(200)
    expect(lab.embedded.processes().gateway).not.toBe(pid)

    const keys = await lab.store.listRecords(`${recordKey.stage(rollout, 0)}/0/exchanges`)
    expect(keys).toHaveLength(2)
    for (const key of keys) {
      const record = (await lab.store.getRecord<ExchangeRecord>(key))!
      expect(exchangeKey(rollout, 0, 0, record.digest, 0)).toBe(record.key)
    }
    const counts = Object.entries(await lab.counts()).filter(([key]) => key.startsWith(rollout))
    expect(counts.map(([, { asked }]) => asked).sort((a, b) => a - b)).toEqual([1, 2])
  })

  test('is left alone by another that would take its place: that is refused by name, and so is `prchain up`', async () => {
    await until('the gateway', () => call(asking('Go on.')).catch(() => null))
    const env = { PRCHAIN_GATEWAY_SOCKET: gatewaySocket(lab.config), PRCHAIN_SCRIPTED_URL: 'http://127.0.0.1:9/v1' }
    const dir = mkdtempSync(join(tmpdir(), 'prchain-second-'))
    for (const args of [['gateway'], ['up']]) {
      const second = await prchain([...args, '--json'], { dir, env })
      expect(second).toMatchObject({ code: 2, stdout: '' })
      expect(second.stderr).toContain(gatewaySocket(lab.config))
    }
    rmSync(dir, { recursive: true })
    expect((await call(asking('Go on.'))).status).toBe(200)
  })
})

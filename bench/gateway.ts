import { execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { readHost } from '../src/config.ts'
import { issueToken } from '../src/record/grants.ts'
import { createFileStore } from '../src/store/files.ts'
import { load, type Target } from './gateway/load.ts'

/**
 * What the gateway adds to a call and to a streamed token, beside calling the model server directly and beside the
 * LiteLLM proxy, which keeps no record: a model server that takes a set time, and so many clients at once, each way in
 * turn.
 *
 *     node bench/gateway.ts [--litellm FILE]
 *
 * `--litellm` is the proxy's command; without it, the proxy is installed in the cache.
 */
const { values } = parseArgs({ options: { litellm: { type: 'string' } } })
const LITELLM = 'litellm[proxy]==1.106.2'
const WHOLE_MS = 1_000
const TOKEN_MS = 50
const TOKENS = 40
const CALLS = 3

const dir = mkdtempSync(join(tmpdir(), 'prchain-bench-gateway-'))
const stops: (() => void)[] = []
try {
  const upstream = await startUpstream()
  const ways = {
    direct: targetOf(upstream, 'none'),
    gateway: await startGateway(upstream),
    litellm: await startLiteLlm(upstream),
  }
  console.log(
    `a model that takes ${WHOLE_MS} ms for a whole reply, and ${TOKEN_MS} ms from token to token of ${TOKENS}`,
  )
  console.log('clients | way | added to a whole call: median, p95 | added to a token: median, p95')
  for (const clients of [1, 50, 200]) {
    for (const [way, target] of Object.entries(ways)) {
      const { whole, token } = await load(target, { clients, calls: clients === 1 ? 20 : CALLS })
      const added = whole.map((ms) => ms - WHOLE_MS)
      console.log(`${clients} | ${way} | ${describe(added)} | ${describe(token)}`)
    }
  }
} finally {
  for (const stop of stops) stop()
  rmSync(dir, { recursive: true, force: true })
}
process.exit(0)

async function startUpstream(): Promise<string> {
  const file = join(import.meta.dirname, 'gateway', 'upstream.ts')
  const child = fork(file, [WHOLE_MS, TOKEN_MS, TOKENS].map(String))
  stops.push(() => child.kill('SIGKILL'))
  const [{ baseUrl }] = (await once(child, 'message')) as [{ baseUrl: string }]
  return baseUrl
}

/** The gateway's own process over a store in a folder, as `prchain up` starts it. */
async function startGateway(baseUrl: string): Promise<Target> {
  const socketPath = join(dir, 'gateway', 'gateway.sock')
  const store = join(dir, 'store')
  const child = fork(join(import.meta.dirname, '..', 'src', 'gateway.ts'), {
    cwd: dir,
    env: {
      ...process.env,
      ...{ PRCHAIN_STORE: store, PRCHAIN_GATEWAY_SOCKET: socketPath },
      ...{ OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: 'bench-key' },
    },
  })
  stops.push(() => child.kill('SIGKILL'))
  await once(child, 'message')
  const place = { rollout: 'bench/gateway/1', chain: 'gateway', stage: 0, round: '0', launch: 1 }
  const key = await issueToken(createFileStore({ dir: store }), { ...place, scaffold: 'native', model: 'bench' })
  return { host: { socketPath }, key }
}

async function startLiteLlm(baseUrl: string): Promise<Target> {
  const config = join(dir, 'litellm.json')
  const through = { model: 'openai/bench', api_base: baseUrl, api_key: 'bench-key' }
  writeFileSync(config, JSON.stringify({ model_list: [{ model_name: 'bench', litellm_params: through }] }))
  const port = 4_000 + (process.pid % 20_000)
  const key = `sk-${randomBytes(32).toString('hex')}`
  const child = spawn(
    values.litellm ?? installLiteLlm(),
    ['--config', config, '--host', '127.0.0.1', '--port', String(port), '--telemetry', 'False'],
    {
      cwd: dir,
      stdio: 'ignore',
      env: { ...process.env, LITELLM_MASTER_KEY: key, LITELLM_LOCAL_MODEL_COST_MAP: 'True', LITELLM_LOG: 'ERROR' },
    },
  )
  stops.push(() => child.kill('SIGKILL'))
  const url = `http://127.0.0.1:${port}`
  while (
    !(await fetch(`${url}/health/liveliness`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`the LiteLLM proxy ended with code ${child.exitCode}`)
    await sleep(200)
  }
  return targetOf(`${url}/v1`, key)
}

function installLiteLlm(): string {
  const venv = join(readHost().cacheDir, 'peers', 'litellm-proxy')
  if (!existsSync(venv)) execFileSync('python3', ['-m', 'venv', venv], { stdio: 'inherit' })
  execFileSync(join(venv, 'bin', 'pip'), ['install', '--quiet', LITELLM], { stdio: 'inherit' })
  return join(venv, 'bin', 'litellm')
}

function targetOf(baseUrl: string, key: string): Target {
  const { hostname, port } = new URL(baseUrl)
  return { host: { hostname, port: Number(port) }, key }
}

function describe(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(1)
  return `${at(0.5)} ms, ${at(0.95)} ms`
}

import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { exampleChain } from '../test/e2e/exampleChain.ts'
import { openLab } from '../test/e2e/lab.ts'
import { dockerForTests } from '../test/docker/engine.ts'
import { temporalForTests } from '../test/temporal/server.ts'

/**
 * Milliseconds of the harness's own time per agent step: the time between the model server's answer to one call and its
 * receipt of the next, so that the model's latency is no part of it. Side by side in one run, in the same image, with
 * the same commands: prchain's native agent in a Docker sandbox, and the real mini-swe-agent inside a container (its
 * own way with environment local).
 *
 *     node bench/step-overhead.ts --steps 100 [--mini DIR]
 *
 * `--mini` is a folder of site-packages with mini-swe-agent (pip install --target); without it, it is installed there.
 */
const { values } = parseArgs({ options: { steps: { type: 'string', default: '100' }, mini: { type: 'string' } } })
const steps = Number(values.steps)
const docker = await dockerForTests()
const temporal = await temporalForTests()
if (!docker || !temporal) throw new Error('this benchmark needs a Docker engine and a Temporal server')

const model = await startModel(steps)
try {
  const ours = await timePrchain()
  const mini = await timeMini(values.mini ?? installMini())
  const ratio = median(ours) / median(mini)
  console.log(`steps ${steps}`)
  for (const [name, gaps] of [
    ['prchain native agent', ours],
    ['mini-swe-agent', mini],
  ] as const) {
    console.log(
      `${name}: median ${median(gaps).toFixed(1)} ms, p90 ${quantile(gaps, 0.9).toFixed(1)} ms, min ${Math.min(...gaps).toFixed(1)} ms over ${gaps.length} gaps`,
    )
  }
  console.log(`ratio of medians, prchain / mini-swe-agent: ${ratio.toFixed(2)}`)
} finally {
  model.close()
}
process.exit(0)

/** Each step is one `true` in the sandbox; after so many the agent submits. Gaps are taken for agents' calls alone. */
async function startModel(count: number) {
  const gaps: number[] = []
  let answeredMs = 0
  const app = new Hono()
  app.get('/v1/models', (context) => context.json({ data: [] }))
  app.post('/v1/chat/completions', async (context) => {
    const nowMs = performance.now()
    const { messages, tools } = await context.req.json<{
      messages: { role: string; content: unknown }[]
      tools?: { function: { name: string } }[]
    }>()
    const said = JSON.stringify(messages[0]?.content ?? '')
    const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
    const reply = (message: object) =>
      context.json({
        id: 'x',
        object: 'chat.completion',
        created: 0,
        model: 'bench',
        choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: '', ...message } }],
        usage,
      })
    if (!tools) {
      const json = said.includes('overview</task>')
        ? { overview: 'Many small steps.' }
        : said.includes('query</task>')
          ? { intent: 'i', locus: 'l', plan: 'p', directive: 'd' }
          : { score: 1, comment: '' }
      return reply({ content: JSON.stringify(json) })
    }
    const turn = messages.filter((message) => message.role === 'assistant').length
    if (turn > 0 && answeredMs > 0) gaps.push(nowMs - answeredMs)
    const [name, isMini] = [tools[0]!.function.name, tools[0]!.function.name === 'bash']
    const last = isMini ? { command: 'echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT' } : { summary: '' }
    const call =
      turn < count
        ? { name, arguments: JSON.stringify({ command: 'true' }) }
        : { name: isMini ? name : 'submit', arguments: JSON.stringify(last) }
    setImmediate(() => (answeredMs = performance.now()))
    return reply({ tool_calls: [{ id: `c${turn}`, type: 'function', function: call }] })
  })
  const server = serve({ fetch: app.fetch, port: 0, hostname: '0.0.0.0' })
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  return {
    port,
    take: () => {
      answeredMs = 0
      return gaps.splice(0)
    },
    close: () => server.close(),
  }
}

async function timePrchain(): Promise<number[]> {
  const environment = {
    format: 'prchain.environment/1',
    image: docker!.image,
    test: { command: 'true', report: 'exit-code' },
  }
  const lab = await openLab({
    temporal: temporal!.binary,
    environment,
    settings: {
      openaiBaseUrl: `http://127.0.0.1:${model.port}/v1`,
      openaiApiKey: 'bench-key',
      model: 'bench',
      sandbox: 'docker',
      dockerHost: `unix://${docker!.socketPath}`,
      accept: 'judge',
      maxSteps: steps + 2,
    },
  })
  try {
    const chain = await exampleChain(lab, 2)
    model.take()
    await lab.run('bench', [chain])
    return model.take()
  } finally {
    await lab.stop()
  }
}

/** mini-swe-agent in a container of the same image, on the host's network, its own commands run beside it. */
async function timeMini(site: string): Promise<number[]> {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-bench-mini-'))
  const config = {
    model: {
      model_name: 'openai/bench',
      cost_tracking: 'ignore_errors',
      model_kwargs: { api_base: `http://127.0.0.1:${model.port}/v1`, api_key: 'bench' },
    },
    agent: { mode: 'yolo', confirm_exit: false, step_limit: 0, cost_limit: 0 },
  }
  writeFileSync(join(dir, 'gw.yaml'), JSON.stringify(config))
  const env = [
    'MSWEA_CONFIGURED=true',
    'MSWEA_SILENT_STARTUP=1',
    'MSWEA_GLOBAL_CONFIG_DIR=/tmp/mini',
    'LITELLM_LOCAL_MODEL_COST_MAP=True',
    'PYTHONPATH=/opt/mini',
    'HOME=/tmp',
  ]
  const args = [
    '-H',
    `unix://${docker!.socketPath}`,
    'run',
    '--rm',
    '--network',
    'host',
    '-v',
    `${site}:/opt/mini:ro`,
    '-v',
    `${dir}:/bench:ro`,
    ...env.flatMap((one) => ['-e', one]),
    '-w',
    '/tmp',
    docker!.image,
  ]
  const mini = [
    'python3',
    '-m',
    'minisweagent.run.mini',
    '-c',
    'mini.yaml',
    '-c',
    '/bench/gw.yaml',
    '-t',
    'bench',
    '-y',
    '--exit-immediately',
    '-o',
    '/tmp/trajectory.json',
  ]
  const child = spawn('docker', [...args, ...mini], { stdio: ['ignore', 'ignore', 'inherit'] })
  const code = await new Promise((resolve) => child.once('close', resolve))
  rmSync(dir, { recursive: true })
  const gaps = model.take()
  if (code !== 0 || gaps.length < steps)
    throw new Error(`mini-swe-agent ended with code ${String(code)} after ${gaps.length} steps`)
  return gaps
}

function installMini(): string {
  const site = join(tmpdir(), 'prchain-bench-mini-site')
  const packages = ['mini-swe-agent==2.4.6', 'mcp']
  execFileSync(
    'python3',
    [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--python-version',
      '3.11',
      '--only-binary=:all:',
      '--upgrade',
      '--target',
      site,
      ...packages,
    ],
    { stdio: 'inherit' },
  )
  return site
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))]!
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

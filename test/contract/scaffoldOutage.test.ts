import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { readHost } from '../../src/config.ts'
import { miniSweAgent } from '../../src/scaffolds/miniSweAgent.ts'
import { createToolchains } from '../../src/toolchains/host.ts'

/** Longer than the openai package tries again by itself. */
const OUTAGE_MS = 6_000

test('mini-swe-agent, told to try each call once, outlasts a gateway that is away before its first call and in its second', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-outage-'))
  const socketPath = join(dir, 'gateway.sock')
  const { cacheDir, path } = readHost()
  const toolchains = createToolchains({
    dir: join(cacheDir, 'scaffolds'),
    environment: process.env as Record<string, string>,
    folders: {},
  })
  if (miniSweAgent.programs.kind !== 'pip') throw new Error('it comes from PyPI')
  const python = await pythonVersion()
  const { name, version, programs } = miniSweAgent
  const folder = await toolchains.provide({ ...programs, name, version, python })
  const calls: number[] = []
  let server = createServer()
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
    rmSync(dir, { recursive: true, force: true })
  })

  const { script, stdin } = miniSweAgent.start({
    ...{ interpreter: 'python3', programs: folder, gateway: socketPath, token: 'token', model: 'model' },
    ...{ maxSteps: 5, commandTimeoutMs: 10_000, task: 'Begin.', turns: ['Begin.'], session: null, isSelfTest: false },
  })
  const env = { PATH: path, HOME: dir, MSWEA_MODEL_RETRY_STOP_AFTER_ATTEMPT: '1' }
  const child = spawn('bash', ['-c', script], { cwd: dir, env, stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(stdin)
  let output = ''
  child.stdout.on('data', (part) => (output += String(part)))
  setTimeout(listen, OUTAGE_MS)
  const [exitCode] = (await once(child, 'close')) as [number]
  const outcome = { exitCode, isTimedOut: false, output }
  expect(miniSweAgent.readEnding(outcome)).toMatchObject({ ending: 'submitted' })
  expect(calls).toHaveLength(3)

  function listen(): void {
    server = createServer((request, response) => void answer(request, response))
    server.listen(socketPath)
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { messages } = (await json(request)) as { messages: unknown[] }
    calls.push(messages.length)
    if (calls.length === 2) {
      server.closeAllConnections()
      server.close()
      rmSync(socketPath, { force: true })
      setTimeout(listen, OUTAGE_MS)
      return
    }
    const command = calls.length === 1 ? 'echo one' : 'echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT'
    const call = { name: 'bash', arguments: JSON.stringify({ command }) }
    const message = {
      role: 'assistant',
      content: 'Go on.',
      tool_calls: [{ id: `call_${calls.length}`, type: 'function', function: call }],
    }
    const choices = [{ index: 0, finish_reason: 'tool_calls', message }]
    const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ id: 'x', object: 'chat.completion', created: 1, model: 'model', choices, usage }))
  }
}, 120_000)

async function pythonVersion(): Promise<string> {
  const script = 'import sys; print("%d.%d" % sys.version_info[:2])'
  const child = spawn('python3', ['-I', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (part) => (said += String(part)))
  await once(child, 'close')
  return said.trim()
}

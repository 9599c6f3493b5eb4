import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { LaunchInput } from '../../src/scaffolds/port.ts'
import { siiCli } from '../../src/scaffolds/siiCli.ts'
import { completion, events, sendJson, toolCallEvents } from './gatewayFixture.ts'

const BRIDGE = join(import.meta.dirname, '..', 'siiBridge', 'bin', 'sii-bridge')
const TASK = 'Make a file.'

describe('SII-CLI’s adapter, over the bridge of our tests', () => {
  test('drives it to its end, with uploads off, limits given, and no login of the operator’s', async () => {
    const lab = await openLab(({ n, response }) => {
      const command = 'echo made > made.txt'
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end((n === 1 ? toolCallEvents('run_shell_command', { command }) : events('Done.')).join(''))
    })
    const { read, trajectory } = await lab.launch(BRIDGE, { maxSteps: 7 })
    expect(read).toEqual({ ending: 'submitted', trajectory: expect.any(String) })
    expect(readFileSync(join(lab.repository, 'made.txt'), 'utf8')).toBe('made\n')
    expect(trajectory.map(({ type }) => type)).toEqual([
      ...['status', 'tool_call', 'tool_result', 'assistant_message', 'status', 'completed'],
    ])
    const logs = join(lab.repository, '.sii', 'conversation_logs')
    const { query, variables } = JSON.parse(readFileSync(join(logs, readdirSync(logs)[0]!), 'utf8'))
    expect(query).toMatchObject({
      protocol_version: '1.0.0',
      method: 'query',
      params: {
        prompt: TASK,
        options: {
          ...{ cwd: lab.repository, auth_type: 'USE_OPENAI', yolo: true, log_events: false, run_model: 'agent' },
          ...{ model: 'served', max_turns: 7, timeout_ms: 43_200_000, enable_data_upload: false },
        },
      },
    })
    expect(variables).toEqual([
      ...['SII_ENABLE_DATA_UPLOAD=false', 'SII_OPENAI_API_KEY=the-token', expect.stringMatching(BASE_URL)],
      ...['SII_OPENAI_MODEL=served', 'SII_SDK_ENTRYPOINT=python-sdk'],
    ])
  })

  test('names the step limit, and a context that is too long', async () => {
    const endless = await openLab(({ n, response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(toolCallEvents('run_shell_command', { command: `echo ${n}` }).join(''))
    })
    expect((await endless.launch(BRIDGE, { maxSteps: 2 })).read).toMatchObject({ ending: 'step-limit' })
    expect(endless.asked()).toBe(2)
    const heedless = 'for (;;) await call()'
    expect((await endless.launch(endless.bridge(heedless), { maxSteps: 3 })).read).toMatchObject({
      ending: 'step-limit',
    })
    expect(endless.asked()).toBe(5)
    const full = await openLab(({ response }) => {
      sendJson(response, { error: { message: 'too long', code: 'context_length_exceeded' } }, 400)
    })
    expect((await full.launch(BRIDGE)).read).toMatchObject({ ending: 'context-exceeded' })
  })

  test('does not take its word for the end: a call that was refused is a fault', async () => {
    const lab = await openLab(({ n, response }) => {
      if (n > 1) return sendJson(response, { error: { message: 'no such token' } }, 401)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(toolCallEvents('run_shell_command', { command: 'true' }).join(''))
    })
    const { read } = await lab.launch(BRIDGE)
    expect(read).toEqual({
      fault: expect.stringMatching(
        /^it said that it had completed, after a call that was not answered: 401 .*no such/s,
      ),
    })
  })

  test('asks again for it while the gateway is away, and where the gateway broke off: it sees one answer', async () => {
    const lab = await openLab(({ n, response }) => {
      if (n === 1) return response.destroy()
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const [first, ...rest] = events('All is done.')
      if (n > 2) return void response.end([first, ...rest].join(''))
      response.write(first, () => response.destroy())
    })
    expect((await lab.launch(BRIDGE)).read).toMatchObject({ ending: 'submitted' })
    expect(lab.asked()).toBe(3)
  })
})

test('SII-CLI’s adapter fails its self-test at once where there is no gateway', async () => {
  const lab = await openLab(() => {})
  const { read } = await lab.launch(BRIDGE, { isSelfTest: true, gateway: '/nowhere/gateway.sock' })
  expect(read).toEqual({ fault: expect.stringMatching(/after a call that was not answered: the gateway cannot be/) })
})

describe('SII-CLI’s adapter, over bridges that are at fault', () => {
  const COMPLETED = "say({ type: 'completed', metadata: {} })"
  test.each([
    {
      what: 'an error event',
      bridge: "await call(); say({ type: 'error', error: { code: 'AUTH_FAILED', message: 'no' } })",
      read: { fault: 'it reported AUTH_FAILED: no' },
    },
    {
      what: 'an end without a single call',
      bridge: COMPLETED,
      read: { fault: 'it said that it had completed, and no call of its had been answered' },
    },
    {
      what: 'an end of the stream before the end',
      bridge: "await call(); console.error('out of luck'); process.exitCode = 3; leave()",
      read: { fault: 'it ended with exit code 3 before it had completed; its last words: out of luck\n' },
    },
    {
      what: 'a program that does not start',
      bridge: 'this is no program',
      read: { fault: expect.stringMatching(/^it ended with exit code 1 before .*SyntaxError/s) },
    },
    {
      what: 'a line of 5 MB where the end was due',
      bridge: "await call(); say({ type: 'completed', text: 'x'.repeat(5e6) }); leave()",
      read: { fault: 'it ended with exit code 0 before it had completed; a line of 5000030 bytes' },
    },
    {
      what: 'rubbish where events were due',
      bridge: "await call(); process.stdout.write('Welcome!\\n42\\n'); leave()",
      read: {
        fault:
          'it ended with exit code 0 before it had completed; a line that is no event: Welcome!; a line that is no event: 42',
      },
    },
    {
      what: 'a program that is killed',
      bridge: "await call(); process.kill(process.pid, 'SIGKILL')",
      read: { fault: 'it ended with SIGKILL before it had completed' },
    },
  ])('names $what', async ({ bridge, read }) => {
    const lab = await openLab(({ response }) => sendJson(response, completion('Done.')))
    expect((await lab.launch(lab.bridge(bridge))).read).toEqual(read)
  })

  test('names one that says nothing and asks nothing', async () => {
    const lab = await openLab(({ response }) => sendJson(response, completion('Done.')))
    const { read } = await lab.launch(lab.bridge('setInterval(() => {}, 1000)'), { startMs: 300 })
    expect(read).toEqual({ fault: 'it said nothing and asked nothing for 300 ms before it had completed' })
  })

  test.each([
    { what: 'a flood of 1 MB on standard error', bridge: "process.stderr.write('x'.repeat(1e6), then)" },
    { what: 'a line of 5 MB', bridge: "say({ type: 'tool_result', content: 'x'.repeat(5e6) }, then)" },
    { what: 'rubbish', bridge: "process.stdout.write('Welcome!\\n\\n', then)" },
    { what: 'a call that it gives up', bridge: 'await call(AbortSignal.timeout(1)).catch(() => {}); then()' },
    { what: 'a program that does not leave at its end', bridge: 'setInterval(() => {}, 1000); then()' },
  ])('goes on over $what', async ({ bridge }) => {
    const lab = await openLab(({ response }) => sendJson(response, completion('Done.')))
    const script = `const then = () => call().then(() => ${COMPLETED}); ${bridge}`
    expect((await lab.launch(lab.bridge(script))).read).toMatchObject({ ending: 'submitted' })
  })
})

const BASE_URL = /^SII_OPENAI_BASE_URL=http:\/\/127\.0\.0\.1:\d+\/v1$/

/** A gateway of the test's own on a socket, and a work tree and a home for launches. */
async function openLab(answer: (asked: { n: number; response: ServerResponse }) => void) {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-sii-'))
  const folders = { repository: join(dir, 'repo'), home: join(dir, 'home') }
  for (const folder of Object.values(folders)) mkdirSync(folder)
  let asked = 0
  const server = createServer((request, response) => {
    void text(request).then(() => answer({ n: ++asked, response }))
  })
  const socketPath = join(dir, 'gateway.sock')
  server.listen(socketPath)
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
    rmSync(dir, { recursive: true, force: true })
  })

  return {
    ...folders,
    asked: () => asked,
    /** A bridge that takes a query, does as the script says, and leaves when told to or when its input ends. */
    bridge(script: string): string {
      const file = join(dir, 'sii-bridge.mjs')
      writeFileSync(file, `${BRIDGE_HEAD}\n${script}\n`)
      return file
    },
    async launch(programs: string, more: Partial<LaunchInput> & { startMs?: number } = {}) {
      const { script, stdin } = siiCli.start({
        ...{ interpreter: process.execPath, programs, gateway: socketPath, token: 'the-token', model: 'served' },
        ...{ maxSteps: 9, commandTimeoutMs: 60_000, task: TASK, turns: [TASK], session: null, isSelfTest: false },
        ...more,
      })
      const child = spawn('bash', ['-c', script], {
        cwd: folders.repository,
        env: { PATH: process.env['PATH'], HOME: folders.home, ...FOREIGN },
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      child.stdin.end(JSON.stringify({ ...JSON.parse(stdin), ...more }))
      const output = await text(child.stdout)
      const read = siiCli.readEnding({ exitCode: child.exitCode ?? 0, isTimedOut: false, output })
      const own = 'ending' in read && read.trajectory ? readFileSync(read.trajectory, 'utf8') : ''
      const lines = own.split('\n').filter((line) => line !== '')
      return { read, trajectory: lines.map((line) => JSON.parse(line) as { type: string }) }
    },
  }
}

/** What a machine may have set, and no bridge may be given. */
const FOREIGN = { SII_USERNAME: 'u', SII_PASSWORD: 'p', SII_BASE_URL: 'http://x', OPENAI_API_KEY: 'sk-own' }

const BRIDGE_HEAD = `
const say = (event, then) => process.stdout.write(JSON.stringify(event) + '\\n', then)
const leave = () => process.stdin.destroy()
const call = (signal) => fetch(process.env.SII_OPENAI_BASE_URL + '/chat/completions', { method: 'POST', body: '{}', signal })
process.stdin.resume()
`

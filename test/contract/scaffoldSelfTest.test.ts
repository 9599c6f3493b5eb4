import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Ports } from '../../src/activities/ports.ts'
import type { RolloutContext } from '../../src/activities/rolloutContext.ts'
import { testScaffold } from '../../src/activities/scaffoldSelfTest.ts'
import { SELF_TEST_WORD } from '../../src/gateway/selfTest.ts'
import { startGateway } from '../../src/gateway/server.ts'
import { createProcessProvider } from '../../src/sandbox/process.ts'
import { SCAFFOLDS } from '../../src/scaffolds/index.ts'
import { launchByNode, readResult } from '../../src/scaffolds/launcher.ts'
import { qwenCode } from '../../src/scaffolds/qwenCode.ts'
import type { Scaffold } from '../../src/scaffolds/port.ts'
import { createFileStore } from '../../src/store/files.ts'
import { createToolchains } from '../../src/toolchains/host.ts'

/** A scaffold of one loop: asks, runs what it is told, and asks again. Its observations name the command, as qwen-code's do. */
const SMALL = `
const ask = (messages) => fetch(base + '/chat/completions', {
  method: 'POST',
  headers: { authorization: 'Bearer ' + spec.token, 'content-type': 'application/json' },
  body: JSON.stringify({ model: spec.model, messages, tools: [{ type: 'function', function: { name: 'sh' } }] }),
}).then((answer) => answer.json())
const messages = [{ role: 'user', content: spec.task }]
for (;;) {
  const { choices, error } = await ask(messages)
  if (error) return { status: null, fault: error.message, trajectory: null }
  const [call] = choices[0].message.tool_calls ?? []
  if (!call) return { status: 'done', fault: null, trajectory: null }
  const { command } = JSON.parse(call.function.arguments)
  const run = require('node:child_process').spawnSync(SHELL, ['-c', command], { encoding: 'utf8' })
  const content = 'Command: ' + command + '\\nOutput: ' + (run.stdout ?? String(run.error))
  messages.push(choices[0].message, { role: 'tool', tool_call_id: call.id, content })
}
`

function small(shell: string): Scaffold {
  return {
    ...{ name: 'small', version: '1', goesOn: false, isStreamedWhole: false, normalisations: [] },
    programs: { kind: 'npm', packages: [] },
    selfTest: { name: 'sh', arguments: { command: 'printf prchain-%s self-test' } },
    start: (input) => launchByNode(`const SHELL = ${JSON.stringify(shell)}\n${SMALL}`, input),
    readEnding({ output }) {
      const result = readResult(output)
      return result?.status === 'done'
        ? { ending: 'submitted', trajectory: null }
        : { fault: result?.fault ?? 'it said nothing' }
    },
    isWork: () => true,
  }
}

async function openBench() {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-self-test-'))
  const store = createFileStore({ dir: join(dir, 'store') })
  const provider = createProcessProvider({ dir: join(dir, 'sandboxes'), path: process.env['PATH']! })
  let tested = 0
  const gateway = async (scaffold: Scaffold, socketPath: string) => {
    const running = await startGateway({
      ...{ store, normalisations: () => [], listen: { socketPath }, redact: (text: string) => text },
      exchange: () => Promise.reject(new Error('no provider is asked')),
      wait: () => Promise.resolve(),
      selfTest: () => {
        tested++
        return scaffold.selfTest
      },
    })
    onTestFinished(() => running.close())
  }
  onTestFinished(async () => {
    await provider.remove('it')
    rmSync(dir, { recursive: true, force: true })
  })
  const toolchains = createToolchains({ dir: join(dir, 'toolchains'), environment: {}, folders: {} })
  const ports = { store, toolchains, redact: (text: string) => text } as Ports
  const context = {
    ...{ id: 'night/acme__tool.1-2/1', chain: { id: 'acme__tool.1-2' }, settings: { model: 'm' }, provider },
    environment: async () => ({ environment: null, reason: null }),
  } as unknown as RolloutContext
  const spec = { name: 'it', labels: {}, environment: null }
  const socketPath = join(dir, 'gateway.sock')
  return {
    count: () => tested,
    listen: (scaffold: Scaffold) => gateway(scaffold, socketPath),
    find: () => provider.find('it'),
    async run(scaffold: Scaffold, programs = dir) {
      const sandbox = (await provider.find('it')) ?? (await provider.create(spec))
      await testScaffold({
        ...{ ports, context, scaffold, sandbox, stage: 0, round: 0, launch: 1 },
        programs: { version: scaffold.version, interpreter: process.execPath, programs, gateway: socketPath },
        signal: new AbortController().signal,
      })
    },
  }
}

describe('the self-test of a scaffold', () => {
  test('is one tool call through the gateway, and its success is remembered', async () => {
    const bench = await openBench()
    await bench.listen(small('bash'))
    await bench.run(small('bash'))
    expect(bench.count()).toBe(2)
    await bench.run(small('bash'))
    expect(bench.count()).toBe(2)
    await bench.run({ ...small('bash'), version: '2' })
    expect(bench.count()).toBe(4)
  })

  test('says what is the matter with a tool, and is made again in another sandbox', async () => {
    const bench = await openBench()
    await bench.listen(small('no-such-shell'))
    await expect(bench.run(small('no-such-shell'))).rejects.toThrow(
      /^small 1 does not run here: its self-test[^]*no-such-shell ENOENT/,
    )
    expect(await bench.find()).toBeNull()
    await bench.run(small('bash'))
  })

  test('says that the tool is none of the scaffold’s', async () => {
    const bench = await openBench()
    const other: Scaffold = { ...small('bash'), selfTest: { name: 'bash', arguments: { command: 'true' } } }
    await bench.listen(other)
    await expect(bench.run(other)).rejects.toThrow("the self-test's tool bash is none of those that were sent: sh")
  })

  test.each(SCAFFOLDS.map(({ name, selfTest }) => [name, selfTest] as const))(
    'is of %s a call that does not hold the word which it prints',
    (_, { arguments: given }) => {
      expect(JSON.stringify(given)).not.toContain(SELF_TEST_WORD)
    },
  )

  test('says that a package is broken', async () => {
    const bench = await openBench()
    await bench.listen(qwenCode)
    await expect(bench.run(qwenCode, '/nonexistent')).rejects.toThrow(
      /qwen-code .* does not run here: .*Cannot find module/s,
    )
  })

  test('says that an interpreter is missing', async () => {
    const bench = await openBench()
    await bench.listen(small('bash'))
    const start: Scaffold['start'] = (input) => small('bash').start({ ...input, interpreter: '/opt/none/node' })
    await expect(bench.run({ ...small('bash'), start })).rejects.toThrow('it said nothing')
  })
})

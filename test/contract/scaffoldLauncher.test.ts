import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { launchByNode, launchByPython, readResult } from '../../src/scaffolds/launcher.ts'
import type { LaunchInput } from '../../src/scaffolds/port.ts'

const PYTHON = `
import urllib.request
try:
    fault = None
    answer = urllib.request.urlopen(base + '/models').read().decode()
except Exception as error:
    answer, fault = None, type(error).__name__
print(answer)
end(answer, fault, '/home/it' + "'s own")
`
const NODE = `
const answer = await fetch(base + '/models').then((it) => it.text(), () => null)
console.log(answer)
return { status: answer, fault: answer === null ? 'refused' : null, trajectory: "/home/it's own" }
`

async function listen(): Promise<{ socketPath: string; dir: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-launch-'))
  const socketPath = join(dir, 'gateway.sock')
  const server = createServer((request, response) => response.end(`said at ${request.url}: ${'x'.repeat(300_000)}`))
  server.listen(socketPath)
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
    rmSync(dir, { recursive: true, force: true })
  })
  return { socketPath, dir }
}

async function run({ script, stdin }: { script: string; stdin: string }) {
  const child = spawn('bash', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(stdin)
  let output = ''
  child.stdout.on('data', (part) => (output += String(part)))
  await once(child, 'close')
  return readResult(output)
}

const input = (interpreter: string, gateway: string): LaunchInput => ({
  ...{ interpreter, programs: '', gateway, token: '', model: 'm', maxSteps: 1, commandTimeoutMs: 1 },
  ...{ task: 'It’s "so"', turns: [], session: null, isSelfTest: false },
})

describe.each([
  ['Python', 'python3', (given: LaunchInput) => launchByPython(PYTHON, given)],
  ['Node', process.execPath, (given: LaunchInput) => launchByNode(NODE, given)],
])('the launcher in %s', (_, interpreter, launch) => {
  test('leads a loopback port to the gateway’s socket, and its result is read from the end of what was said', async () => {
    const { socketPath } = await listen()
    expect(await run(launch(input(interpreter, socketPath)))).toEqual({
      ...{ status: `said at /v1/models: ${'x'.repeat(300_000)}`, fault: null, trajectory: "/home/it's own" },
    })
  })

  test('breaks a self-test’s connection off at once when the gateway is gone', async () => {
    const { dir } = await listen()
    const result = await run(launch({ ...input(interpreter, join(dir, 'none.sock')), isSelfTest: true }))
    expect(result).toMatchObject({ status: null, fault: expect.any(String) as string })
  })
})

test('a launcher that did not come to its end gave no result', () => {
  expect(readResult('Traceback (most recent call last):\n')).toBeNull()
})

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { composeRecordedGitHub, composeStore } from '../../src/compose.ts'
import { readConfig } from '../../src/config.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import { upOutput } from '../../src/formats/output.ts'
import { temporalForTests } from '../temporal/server.ts'
import { prchain } from './command.ts'
import { exampleForTests, until } from './lab.ts'
import { prchainProcesses } from './processes.ts'

const server = await temporalForTests()
const CLIENT = join(import.meta.dirname, '..', '..', 'src', 'client.ts')

describe.skipIf(server === null)('prchain up', () => {
  let dir: string
  let env: Record<string, string>
  let mirrors: string
  let github: Awaited<ReturnType<typeof composeRecordedGitHub>>
  const started: ChildProcess[] = []
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'prchain-up-'))
    const example = await exampleForTests()
    mirrors = example.mirrorsDir
    github = await composeRecordedGitHub(example.recordedDir)
    env = { PRCHAIN_TEMPORAL_CLI: server!.binary, GITHUB_API_URL: github.url, HOME: dir, PRCHAIN_SANDBOX: 'process' }
    const chains = readFileSync(join(import.meta.dirname, '..', '..', 'examples', 'chains.jsonl'), 'utf8')
    const [first = ''] = chains.split('\n')
    writeFileSync(join(dir, 'chains.jsonl'), JSON.stringify({ ...(JSON.parse(first) as object), id: 'three' }))
    writeFileSync(join(dir, 'slow.json'), JSON.stringify({ latencyMs: 100, extraSteps: 10 }))
    writeFileSync(join(dir, 'environment.json'), JSON.stringify(example.environment))
    expect(await prchain(['chains', 'import', 'chains.jsonl', '--mirrors', mirrors], { dir, env })).toMatchObject({
      code: 0,
    })
  })
  afterAll(async () => {
    for (const up of started) up.kill('SIGKILL')
    await until('all to be gone', () => prchainProcesses(dir).length === 0)
    await github.close()
  })

  /** Starts `up` as a user does, and returns it when it says that it is ready. */
  async function startUp() {
    const up = spawn(process.execPath, [CLIENT, 'up', '--json', '--scripted-settings', join(dir, 'slow.json')], {
      cwd: dir,
      env: { PATH: process.env['PATH'], TMPDIR: process.env['TMPDIR'], ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    started.push(up)
    const [line] = (await once(up.stdout, 'data')) as [Buffer]
    return { up, ready: upOutput.parse(JSON.parse(String(line))) }
  }

  test('killed -9 in mid-campaign leaves no worker and no server; up again, the campaign goes on and ends', async () => {
    const { up, ready } = await startUp()
    const run = ['run', 'three', '--campaign', 'night', '--mirrors', mirrors, '--environment', 'environment.json']
    expect(await prchain([...run, '--detach'], { dir, env })).toMatchObject({ code: 130 })
    const store = composeStore({ ...readConfig({ flags: {}, env: {}, dir }), store: join(dir, '.prchain') })
    await until(
      'a stage under way',
      async () => (await store.listRecords(recordKey.stages('night/three/1'))).length > 5,
    )
    expect(prchainProcesses(dir).map(({ pid }) => pid)).toEqual(
      expect.arrayContaining([up.pid, ready.processes.temporal, ready.processes.worker]),
    )
    up.kill('SIGKILL')
    await until('worker and server to be gone', () => prchainProcesses(dir).length === 0, 60)

    await startUp()
    const ran = await prchain([...run, '--json'], { dir, env, timeoutMs: 250_000 })
    expect(ran, ran.stderr).toMatchObject({ code: 0 })
    expect(JSON.parse(ran.stdout)).toMatchObject({ status: 'completed', endings: { accepted: 1 } })
  })

  test('twice over one store is refused, with what to do', async () => {
    const ran = await prchain(['up'], { dir, env })
    expect(ran).toMatchObject({ code: 2, stdout: '' })
    expect(ran.stderr).toMatch(/runs over \.prchain already.*Ctrl-C.*--store/)
  })

  test('a worker with no model says so, before it says that it runs', async () => {
    const { temporal } = JSON.parse(readFileSync(join(dir, '.prchain', 'server.json'), 'utf8')) as {
      temporal: { address: string }
    }
    const own = ['worker', '--store', 'other', '--temporal-address', temporal.address, '--json']
    const ran = await prchain(own, { dir, env })
    expect(ran).toMatchObject({ code: 2, stdout: '' })
    expect(ran.stderr).toMatch(/model.*OPENAI_BASE_URL.*PRCHAIN_SCRIPTED_URL/)
  })
})

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordKey, TASK_QUEUE, workflowId } from '../../src/domain/identifiers.ts'
import type { Gathering } from '../../src/formats/mining.ts'
import type { Mined } from '../../src/workflows/mineRepository.ts'
import { startGeneratedGitHub, type GeneratedGitHub } from '../github/generated.ts'
import { temporalForTests } from '../temporal/server.ts'
import { prchain } from './command.ts'
import { openLab, until, type Lab } from './lab.ts'

const temporal = await temporalForTests()
const REPOSITORY = 'acme/tool'
const TOKEN = 'token-of-the-mining-test'

describe.skipIf(temporal === null)('mining a generated repository', () => {
  let dir: string
  let github: GeneratedGitHub
  let lab: Lab
  let told = 0
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'prchain-mining-'))
    const mirrors = join(dir, 'mirrors')
    github = await startGeneratedGitHub({
      ...{ seed: 7, repositories: [REPOSITORY], pullRequests: 80, mirrorsDir: mirrors },
      ...{ pageSizeLimit: 10, token: TOKEN, renamed: { 'acme/former': REPOSITORY } },
    })
    lab = await openLab({
      ...{ temporal: temporal!.binary, mirrors, recorded: dir, environment: null },
      settings: { githubApiUrl: github.url, githubToken: TOKEN, githubRpm: 1_000_000 },
    })
  }, 60_000)
  afterAll(async () => {
    await lab.stop()
    await github.close()
    rmSync(dir, { recursive: true, force: true })
  })

  const start = (changed: object = {}) =>
    lab.client.workflow.start('mineRepository', {
      workflowId: workflowId.mine(REPOSITORY),
      taskQueue: TASK_QUEUE,
      args: [
        {
          ...{ repository: REPOSITORY, mirrors: lab.config.mirrors, mode: 'semantic', source: 'github' },
          ...{ isOffline: false, min: 2, max: 5, ...changed },
        },
      ],
    })
  /** The requests since this was last asked. */
  const asked = () => {
    const requests = github.requests().map(({ path }) => path)
    const fresh = requests.slice(told)
    told = requests.length
    return fresh
  }
  let first = 0

  test('through a kill -9 of the worker asks for no page twice but for the one in flight', async () => {
    const handle = await start()
    await until('a dozen requests', () => github.requests().length >= 12)
    process.kill(lab.embedded.processes().worker!, 'SIGKILL')
    const mined = (await handle.result()) as Mined
    expect(mined).toMatchObject({ source: 'github', mode: 'semantic', lacks: [] })
    expect(mined.pullRequests).toBeGreaterThan(50)
    const requests = asked()
    first = requests.length
    const overRest = requests.filter((path) => path !== '/graphql')
    expect(overRest.length - new Set(overRest).size).toBeLessThanOrEqual(1)
    const gathered = (await lab.store.getRecord<Gathering>(recordKey.gathering(REPOSITORY, 0)))!
    const { rest, graphql, unchanged } = gathered.calls
    expect(first - (rest + graphql + unchanged)).toBeLessThanOrEqual(1)
  }, 120_000)

  test('a second mining, after a hundredth has changed, asks for what changed', async () => {
    await github.changeSome(REPOSITORY, 0.01)
    await (await start()).result()
    const second = asked().length
    // At least one call for each of the six lists.
    expect(second).toBeLessThanOrEqual(10)
    expect(first).toBeGreaterThan(4 * second)
  }, 60_000)

  test('linking again offline, and mining git alone, ask GitHub nothing', async () => {
    const offline = (await (await start({ isOffline: true, max: 3 })).result()) as Mined
    expect(offline).toMatchObject({ source: 'github', lacks: [] })
    const alone = (await (await start({ source: 'git' })).result()) as Mined
    expect(alone.pullRequests).toBeGreaterThan(40)
    expect(alone.lacks.map(({ kind }) => kind)).toContain('comments')
    expect(asked()).toEqual([])
  }, 60_000)

  test('while one is under way, one with other settings is refused, and the same ends as it', async () => {
    const env = { TEMPORAL_ADDRESS: lab.embedded.address, PRCHAIN_STORE: lab.config.store }
    const ask = (...flags: string[]) =>
      prchain(['mine', REPOSITORY, '--source', 'git', '--mirrors', lab.config.mirrors!, ...flags], { dir, env })
    const another = await lab.client.workflow.start('mineRepository', {
      ...{ workflowId: workflowId.mine(REPOSITORY), taskQueue: 'nobody', args: [] },
      memo: { settings: '--mode semantic' },
    })
    const refused = await ask('--mode', 'temporal')
    expect(refused.stderr).toContain(
      `is being mined with other settings (--mode semantic): wait until that has ended, or end it with \`prchain cancel mine/${REPOSITORY}\``,
    )
    expect(refused.code).toBe(2)
    await another.terminate()
    const same = await Promise.all([ask(), ask()])
    expect(same.map(({ code }) => code)).toEqual([0, 0])
  }, 60_000)

  test('a repository that has another name now is bad input, and the name is said', async () => {
    const ran = await prchain(['mine', 'acme/former'], {
      dir,
      env: { TEMPORAL_ADDRESS: lab.embedded.address, PRCHAIN_STORE: lab.config.store },
    })
    expect(ran.stderr).toContain('acme/former is called acme/tool on GitHub now')
    expect(ran.code).toBe(2)
  }, 60_000)
})

import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { composeRecordedGitHub } from '../../src/compose.ts'
import { prchain } from './command.ts'
import { exampleForTests } from './lab.ts'

let dir: string
let mirrors: string
let github: { url: string; close(): Promise<void> }
let chain: { id: string; stages: { number: number; resultSha: string }[]; repository: string }

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'prchain-bad-'))
  const example = await exampleForTests()
  mirrors = example.mirrorsDir
  github = await composeRecordedGitHub(example.recordedDir)
  const [line = ''] = readFileSync(join(import.meta.dirname, '..', '..', 'examples', 'chains.jsonl'), 'utf8').split(
    '\n',
  )
  writeFileSync(join(dir, 'chains.jsonl'), JSON.stringify({ ...(JSON.parse(line) as object), id: 'three' }))
  const imported = await prchain(['chains', 'import', 'chains.jsonl', '--mirrors', mirrors, '--json'], {
    dir,
    env: { GITHUB_API_URL: github.url },
  })
  expect(imported).toMatchObject({ code: 0 })
  chain = JSON.parse(imported.stdout) as typeof chain
})
afterAll(() => github.close())

/** Runs a command that must be refused: exit 2, what is wrong named, nothing on stdout, nothing new in the store. */
async function refused(args: string[], names: (string | RegExp)[], env: Record<string, string> = {}): Promise<void> {
  const before = recordsOf()
  const ran = await prchain([...new Set([...args, '--json'])], { dir, env: { GITHUB_API_URL: github.url, ...env } })
  expect(ran).toMatchObject({ code: 2, stdout: '' })
  for (const name of names) expect(ran.stderr).toMatch(name)
  expect(ran.stderr).not.toMatch(/^\s+at /m)
  expect(recordsOf()).toEqual(before)
}

const recordsOf = () =>
  existsSync(join(dir, '.prchain', 'records'))
    ? readdirSync(join(dir, '.prchain', 'records'), { recursive: true, encoding: 'utf8' }).sort((a, b) =>
        a < b ? -1 : 1,
      )
    : []

describe('bad input ends with exit 2, is named, and changes nothing', () => {
  test('an unknown chain', () => refused(['run', 'nowhere', '--mirrors', mirrors, '--json'], ['nowhere', 'three']))
  test('no repository name', () => refused(['run', 'a/b/c', '--mirrors', mirrors], ['a/b/c', 'owner/name']))
  test('an unknown command', () => refused(['fly'], ['fly']))
  test('an unknown flag', () => refused(['run', 'three', '--fast'], ['--fast']))

  test('a mirror that is not one', async () => {
    const fake = join(dir, 'fake')
    mkdirSync(join(fake, `${chain.repository.replace('/', '__')}.git`), { recursive: true })
    await refused(['run', 'three', '--mirrors', fake], [fake, chain.repository.split('/')[1]!])
  })

  test('a folder without the mirror', async () => {
    const empty = join(dir, 'empty')
    mkdirSync(empty)
    await refused(['run', 'three', '--mirrors', empty], [empty])
  })

  test('a chain whose commit is missing from the mirror', async () => {
    const folder = join(dir, 'shallow')
    const name = `${chain.repository.replace('/', '__')}.git`
    mkdirSync(folder)
    cpSync(join(mirrors, name), join(folder, name), { recursive: true, verbatimSymlinks: true })
    const git = (...args: string[]) =>
      execFileSync('git', ['--git-dir', join(folder, name), ...args], { encoding: 'utf8' })
    const first = git('rev-list', '--max-parents=0', 'HEAD').trim().split('\n')[0]!
    for (const ref of git('for-each-ref', '--format=%(refname)').trim().split('\n')) git('update-ref', ref, first)
    git('-c', 'gc.reflogExpire=now', 'gc', '--quiet', '--prune=now')
    await refused(['run', 'three', '--mirrors', folder], ['three', /[0-9a-f]{40}/, 'mirror'])
  })

  test('a threshold of 1.4 by flag', () => refused(['run', 'three', '--threshold', '1.4'], ['--threshold', '1.4', '1']))
  test('a wrong setting in the environment', () =>
    refused(['run', 'three'], ['PRCHAIN_ACCEPT', 'maybe', 'hybrid'], { PRCHAIN_ACCEPT: 'maybe' }))

  test('a wrong setting in prchain.config.json', async () => {
    const own = mkdtempSync(join(tmpdir(), 'prchain-config-'))
    writeFileSync(join(own, 'prchain.config.json'), JSON.stringify({ refinements: 'many' }))
    const ran = await prchain(['run', 'three'], { dir: own })
    expect(ran.code).toBe(2)
    expect(ran.stderr).toMatch(/prchain\.config\.json.*"many".*refinements/s)
    expect(existsSync(join(own, '.prchain'))).toBe(false)
    writeFileSync(join(own, 'prchain.config.json'), JSON.stringify({ refinemens: 3 }))
    expect((await prchain(['run', 'three'], { dir: own })).stderr).toContain('refinemens')
    writeFileSync(join(own, 'prchain.config.json'), '{')
    expect((await prchain(['run', 'three'], { dir: own })).stderr).toContain('is not JSON')
  })

  test('a secret in prchain.config.json', async () => {
    const own = mkdtempSync(join(tmpdir(), 'prchain-config-'))
    writeFileSync(join(own, 'prchain.config.json'), JSON.stringify({ openaiApiKey: 'sk-very-secret' }))
    const ran = await prchain(['status'], { dir: own })
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('openaiApiKey')
    expect(ran.stderr).not.toContain('sk-very-secret')
  })

  test('an environment file that is not one', async () => {
    writeFileSync(
      join(dir, 'environment.json'),
      JSON.stringify({ format: 'prchain.environment/1', test: { command: 5 } }),
    )
    await refused(
      ['run', 'three', '--mirrors', mirrors, '--environment', 'environment.json'],
      ['environment.json', 'command'],
    )
  })

  test('an import file with a line that is wrong, all of it refused', async () => {
    const good = JSON.stringify({ repo: chain.repository, prs: [chain.stages[0]!.number], id: 'fresh' })
    writeFileSync(join(dir, 'bad.jsonl'), `${good}\n{"repo": "x"}\n`)
    await refused(['chains', 'import', 'bad.jsonl', '--mirrors', mirrors], ['line 2'])
    writeFileSync(join(dir, 'bad.jsonl'), `${good}\n{"repo": "${chain.repository}", "prs": [424242]}\n`)
    await refused(['chains', 'import', 'bad.jsonl', '--mirrors', mirrors], ['line 2', '424242'])
  })

  test('a real model without a name, and a real model without a sandbox that isolates', async () => {
    const real = { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1', DOCKER_HOST: 'unix:///nonexistent.sock' }
    await refused(['run', 'three', '--mirrors', mirrors], ['model', '--model'], real)
    await refused(['run', 'three', '--mirrors', mirrors, '--model', 'm'], ['sandbox', 'process'], real)
  })
})

describe('without a Temporal server', () => {
  test('run says so, with the next move, and exits 1', async () => {
    const ran = await prchain(['run', 'three', '--mirrors', mirrors], { dir })
    expect(ran.code).toBe(1)
    expect(ran.stderr).toContain('prchain up')
  })

  test('status reads the store and says so', async () => {
    const ran = await prchain(['status'], { dir })
    expect(ran.code).toBe(0)
    expect(ran.stdout).toContain('no Temporal server')
  })

  test('show gives a chain with its evidence, and as one JSON document', async () => {
    expect((await prchain(['show', 'three'], { dir })).stdout).toContain(`#${chain.stages[0]!.number}`)
    expect(JSON.parse((await prchain(['show', 'three', '--json'], { dir })).stdout)).toMatchObject({
      format: 'prchain.chain/1',
      id: 'three',
    })
  })
})

import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
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

  test('an environment file that is not there', () =>
    refused(
      ['run', 'three', '--mirrors', mirrors, '--environment', 'nowhere.json'],
      ['no file nowhere.json', 'leave it out'],
    ))
  test('SII-CLI where the operator names no folder that has it', async () => {
    const run = ['run', 'three', '--mirrors', mirrors, '--scaffold', 'sii-cli']
    const next = ['@gair/sii-cli', '--sii-cli-path', 'PRCHAIN_SII_CLI_PATH', 'docs/scaffolds/sii-cli.md']
    await refused(run, ['siiCliPath names no folder', ...next])
    await refused([...run, '--sii-cli-path', '/nowhere'], ['no folder /nowhere', ...next])
    await refused(run, [mirrors, 'bin/sii-bridge', ...next], { PRCHAIN_SII_CLI_PATH: mirrors })
  })
  test('a folder of mirrors that is not there, to mine from', () =>
    refused(['mine', chain.repository, '--mirrors', '/nowhere'], ['/nowhere', chain.repository]))
  test('a Temporal CLI that is not there', async () => {
    await refused(
      ['up', '--temporal-cli', '/nowhere/temporal'],
      ['--temporal-cli', '/nowhere/temporal', 'leave it out'],
    )
    await refused(['demo', '--temporal-cli', '/nowhere/temporal'], ['/nowhere/temporal'])
  })

  test('a port that is taken', async () => {
    const port = new URL(github.url).port
    await refused(['up', '--temporal-port', port], ['--temporal-port', port, 'choose another'])
  })

  test.each(['--model', '--mirrors', '--judge-model', '--query-model'])('%s of the demo, which has its own', (flag) =>
    refused(['demo', flag, 'x'], [flag, 'prchain run']),
  )
  test.each(['resume', 'cancel'])('%s of what names no workflow', (verb) =>
    refused([verb, 'a/b'], ['a/b', 'prchain status']),
  )
  test('show of what is neither chain nor rollout', () => refused(['show', 'a/b'], ['a/b', 'CAMPAIGN/CHAIN/N']))
  test('show of a rollout that never was', () =>
    refused(['show', 'night/three/1'], ['night/three/1', 'prchain status']))
  test('status of an unknown campaign', () => refused(['status', 'nowhere'], ['nowhere', '--store']))
  test('chains of what is no repository', () => refused(['chains', 'three'], ['three', 'prchain show']))
  test.each([
    [
      ['chains', '--min-score', '2'],
      ['--min-score', 'from 0 to 1'],
    ],
    [
      ['report', 'nosuch/repo'],
      ['nosuch/repo', 'prchain mine nosuch/repo'],
    ],
    [['survey'], ['--preset paper']],
    [
      ['survey', 'three'],
      ['three', 'owner/name'],
    ],
  ])('%j', (args, said) => refused(args, said))
  test('an import file of lines in another form names the right one', async () => {
    writeFileSync(join(dir, 'bad.jsonl'), '[1, 2]')
    await refused(['chains', 'import', 'bad.jsonl'], ['bad.jsonl, line 1', '"prs"'])
    writeFileSync(join(dir, 'bad.jsonl'), 'o/n: 1, 2')
    await refused(['chains', 'import', 'bad.jsonl'], ['is not JSON', '"prs"'])
  })

  test('a real model without a name, and a real model without a sandbox that isolates', async () => {
    const real = { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1', DOCKER_HOST: 'unix:///nonexistent.sock' }
    await refused(['run', 'three', '--mirrors', mirrors], ['model', '--model'], real)
    const run = ['run', 'three', '--mirrors', mirrors, '--model', 'm']
    await refused([...run, '--sandbox', 'docker'], ['sandbox', 'docker', 'nonexistent.sock'], real)
    // A PATH with git and without bubblewrap.
    const path = mkdtempSync(join(tmpdir(), 'prchain-path-'))
    symlinkSync(execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim(), join(path, 'git'))
    await refused(run, ['sandbox', 'bubblewrap', '--sandbox process'], { ...real, PATH: path })
  })
})

test('the version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8')) as {
    version: string
  }
  expect(await prchain(['--version'], { dir })).toMatchObject({ code: 0, stdout: `${version}\n` })
})

test('chains of a repository that has none names the next move and those that have', async () => {
  const ran = await prchain(['chains', 'nosuch/repo'], { dir })
  expect(ran).toMatchObject({ code: 0, stderr: '' })
  expect(ran.stdout).toMatch(/nosuch\/repo.*prchain mine nosuch\/repo/)
  expect(ran.stdout).toContain(chain.repository)
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

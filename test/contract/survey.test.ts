import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { survey, type Survey } from '../../src/cli/survey.ts'
import { readConfig } from '../../src/config.ts'
import { surveyOutput } from '../../src/formats/output.ts'
import { makeFolder, makeLab, NAME } from './gitFixture.ts'
import { mineExample, type MinedExample } from './minedExample.ts'

const NOBODY = 'http://127.0.0.1:1'

/** Surveys as the command does, and gives its documents, its lines and its exit code. */
async function run(options: {
  repositories: string[]
  mirrors: string
  apiUrl?: string
  source?: string
  isPaper?: boolean
  width?: number
}) {
  const { repositories, mirrors, apiUrl = NOBODY, source = 'github', isPaper = false, width } = options
  const dir = mkdtempSync(join(tmpdir(), 'prchain-survey-'))
  const config = readConfig({ flags: { store: join(dir, 'store'), mirrors, githubApiUrl: apiUrl }, env: {}, dir })
  const said: string[] = []
  const surveys: Survey[] = []
  const terminal = {
    isJson: false,
    width,
    say: (line: string) => void said.push(line),
    emit: (value: unknown) => void surveys.push(surveyOutput.parse(value)),
  }
  try {
    const code = await survey({ config, repositories, isPaper, source, terminal, signal: new AbortController().signal })
    return { code, surveys, said: said.join('\n') }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** A repository with three pull requests, two squashed and one merged: #2 cites #1 in git, #3 changes documentation. */
async function makeRepository() {
  const lab = await makeLab({
    'src/a.py': 'one\n',
    LICENSE: 'MIT License\n\nPermission is hereby granted, free of charge',
  })
  const propose = async (number: number, files: Record<string, string>, message: string) => {
    lab.git('checkout', '-q', '-b', `branch-${number}`)
    await lab.commit(files, message)
    lab.git('update-ref', `refs/pull/${number}/head`, 'HEAD')
    lab.git('checkout', '-q', 'main')
  }
  await propose(1, { 'src/a.py': 'two\n', 'tests/test_a.py': 'assert 2\n' }, 'Count to two')
  lab.git('merge', '-q', '--squash', 'branch-1')
  lab.git('commit', '-q', '-m', 'Count to two (#1)')
  await propose(2, { 'src/a.py': 'three\n' }, 'Count to three')
  lab.git('merge', '-q', '--squash', 'branch-2')
  lab.git('commit', '-q', '-m', 'Count to three (#2)\n\nFollow-up to #1, which stops at two.')
  await propose(3, { 'docs/a.md': 'counts\n' }, 'Say how far it counts')
  lab.git(
    'merge',
    '-q',
    '--no-ff',
    '-m',
    'Merge pull request #3 from ada/branch-3\n\nSay how far it counts',
    'branch-3',
  )
  return lab
}

describe('a survey of a mirror, with nobody at GitHub', () => {
  test.each([
    ['that is not asked', 'git', '--source git', 0],
    ['that does not answer', 'github', 'no answer', 1],
  ])('%s, has git’s figures and says what it does not know', async (_, source, why, calls) => {
    const { mirrors } = await makeRepository()
    const { code, surveys, said } = await run({ repositories: [NAME], mirrors, source })
    expect(code).toBe(0)
    expect(surveys).toHaveLength(1)
    expect(surveys[0]).toMatchObject({
      history: {
        ...{ opened: 3, merged: 3, effective: 2, withTests: 1, linked: 1, chains: 1, stages: 2 },
        removed: { 'docs-only': 1 },
      },
      ...{ sample: null, expected: { chains: null, low: 1, high: 1, basis: 'git' }, paper: null, calls },
      unknown: [{ what: 'review density, links in bodies and comments', why: expect.stringContaining(why) }],
    })
    expect(said).toMatch(/effective +2, 67% of the merged/)
    expect(said).toMatch(/not known +review density/)
  })
})

describe('a survey of the example repository', () => {
  let mined: MinedExample
  beforeAll(async () => {
    mined = await mineExample()
  })
  afterAll(() => mined?.close())
  const asked = () => ({ mirrors: mined.config.mirrors!, apiUrl: mined.config.githubApiUrl })

  test('takes a sample of the discussion in at most ten calls, which shows more links than git does', async () => {
    const { surveys, said } = await run({ ...asked(), repositories: [mined.repository] })
    const { sample, history, calls, expected } = surveys[0]!
    expect(calls).toBeGreaterThan(1)
    expect(calls).toBeLessThanOrEqual(10)
    expect(sample!.effective).toBe(history!.effective)
    expect(sample!.linked).toBeGreaterThan(sample!.linkedInGit)
    expect(sample!.linkedInGit).toBe(history!.linked)
    expect(sample!.reviewDensity).toBeGreaterThan(0)
    expect(expected!.basis).toBe('sample')
    expect(said).toContain('from the beginning')
  })

  test('stands in a table with the paper’s nine, each beside its figures', async () => {
    const { code, surveys, said } = await run({
      ...asked(),
      repositories: [mined.repository],
      isPaper: true,
      source: 'git',
    })
    expect(surveys).toHaveLength(10)
    // Of the nine there is no mirror.
    expect(code).toBe(1)
    expect(said).toMatch(/^scipy\/scipy +\? .* 9,511 +238 /m)
    expect(said).toContain('The paper’s nine: 61,810 pull requests, 1,762 queries.')
    expect(said).toContain('there is no mirror of apache/pulsar')
  })
})

test.each([
  [[], 'github', 'survey what?'],
  [['tool'], 'github', '"tool" is no repository'],
  [['acme/tool'], 'mail', '--source mail: expected github or git'],
])('a survey of %j with --source %s is refused before anything is done', async (repositories, source, said) => {
  const mirrors = await makeFolder()
  await expect(run({ repositories, mirrors, source })).rejects.toMatchObject({
    name: 'InputError',
    message: expect.stringContaining(said),
  })
})

import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import spawn from 'nano-spawn'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildExampleRepository, type ExampleRepository } from '../../examples/repository/build.ts'
import { buildChains } from '../../src/domain/chain.ts'
import { buildLinks } from '../../src/domain/link.ts'
import { filterPulls } from '../../src/domain/pullRequest.ts'
import { findReferences } from '../../src/domain/reference.ts'
import { isSourcePath, isTestPath } from '../../src/domain/testPath.ts'
import { parseJUnit } from '../../src/domain/testReport.ts'
import { chainImport } from '../../src/formats/chain.ts'
import { environment } from '../../src/formats/environment.ts'
import type { PullRequest } from '../../src/formats/pullRequest.ts'
import { createGitHost } from '../../src/git/host.ts'
import type { GitRepository } from '../../src/git/port.ts'
import { resolveStage, type ResolvedStage } from '../../src/git/reference.ts'
import { createGitHub } from '../../src/github/octokit.ts'
import { startRecordedGitHub, type RecordedGitHub } from '../../src/github/recorded.ts'

/** As much of the recorded JSON as is compared with git. */
interface Recorded {
  pulls: Record<string, Record<string, unknown> & { head: { sha: string }; base: { sha: string } }>
  commits: Record<string, { sha: string; parents: { sha: string }[]; commit: { message: string } }[]>
  files: Record<string, { filename: string; status: string; additions: number; deletions: number }[]>
}

/** How many tests of a stage fail before it, how many pass before and after, and one that fails: its file and name. */
const STAGES: Record<number, { failing: number; passing: number; named: [file: string, name: string] }> = {
  3: { failing: 5, passing: 11, named: ['test/duration.test.js', 'never shows 60 seconds'] },
  11: { failing: 3, passing: 10, named: ['test/cli.test.js', 'rounds an approximate duration into the next unit'] },
  5: { failing: 7, passing: 12, named: ['test/calendar.test.js', 'leaves out weekends and holidays'] },
  9: {
    failing: 5,
    passing: 22,
    named: ['test/schedule.test.js', 'passes over a holiday on the very day one asks'],
  },
  13: { failing: 18, passing: 5, named: ['test/cli.test.js', 'is executable'] },
}

const dir = mkdtempSync(join(tmpdir(), 'prchain-example-'))
let example: ExampleRepository
let repository: GitRepository
let server: RecordedGitHub
let recorded: Recorded
let pulls: PullRequest[]
const resolved = new Map<number, ResolvedStage>()

beforeAll(async () => {
  example = await buildExampleRepository({ dir: join(dir, 'first') })
  server = await startRecordedGitHub({ dir: example.recordedDir, limits: { anonymousRequestsPerHour: 5000 } })
  const github = createGitHub({ apiUrl: server.url, token: null })
  recorded = JSON.parse(readFileSync(join(example.recordedDir, 'prchain-example__almanac.json'), 'utf8')) as Recorded
  const numbers = Object.keys(recorded.pulls).map(Number)
  pulls = await Promise.all(numbers.map((number) => github.fetchPullRequest(example.repository, number)))
  const host = createGitHost({ cacheDir: join(dir, 'cache'), cloneUrl: (name) => `no://${name}` })
  repository = await host.open(example.repository, example.mirrorsDir)
  for (const pull of pulls.filter(({ isMerged }) => isMerged))
    resolved.set(pull.number, await resolveStage(repository, pull))
})

afterAll(async () => {
  await server.close()
  rmSync(dir, { recursive: true, force: true })
})

describe('building the example repository', () => {
  test('gives the same commits whatever git is told by its surroundings', async () => {
    const config = join(dir, 'gitconfig')
    writeFileSync(
      config,
      '[user]\nname = x\nemail = x@x\n[core]\nautocrlf = true\n[commit]\ngpgsign = true\n[diff]\nrenames = false\n[init]\ndefaultObjectFormat = sha256\n',
    )
    const env = {
      GIT_DIR: join(dir, 'nowhere.git'),
      GIT_INDEX_FILE: join(dir, 'nowhere'),
      GIT_OBJECT_DIRECTORY: join(dir, 'nowhere'),
      GIT_CONFIG_GLOBAL: config,
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'core.bare',
      GIT_CONFIG_VALUE_0: 'nonsense',
      GIT_AUTHOR_DATE: '2001-01-01T00:00:00Z',
      GIT_COMMITTER_NAME: 'x',
      TZ: 'Asia/Tokyo',
    }
    const build = join(import.meta.dirname, '..', '..', 'examples', 'repository', 'build.ts')
    const script = `const { buildExampleRepository } = await import(${JSON.stringify(build)}); await buildExampleRepository({ dir: ${JSON.stringify(join(dir, 'second'))} })`
    await spawn(process.execPath, ['--input-type=module', '-e', script], { env })
    const version = readdirSync(join(dir, 'second'))
    expect(version).toEqual(readdirSync(join(dir, 'first')))
    const second = join(dir, 'second', version[0]!)
    expect(await gitAt(join(second, 'mirrors'), 'for-each-ref')).toBe(await gitAt(example.mirrorsDir, 'for-each-ref'))
    const json = 'github/prchain-example__almanac.json'
    expect(readFileSync(join(second, json))).toEqual(readFileSync(join(example.recordedDir, '..', json)))
    expect(await gitAt(example.mirrorsDir, 'fsck', '--strict')).toBe('')
  })

  test('is done once: what stands is returned untouched, and what else is in the folder stays', async () => {
    writeFileSync(join(dir, 'first', 'notes.txt'), 'mine')
    const before = statSync(join(example.mirrorsDir, 'prchain-example__almanac.git')).ino
    expect(await buildExampleRepository({ dir: join(dir, 'first') })).toEqual(example)
    expect(statSync(join(example.mirrorsDir, 'prchain-example__almanac.git')).ino).toBe(before)
    expect(readFileSync(join(dir, 'first', 'notes.txt'), 'utf8')).toBe('mine')
  })

  test('may be done by several at once, and leaves nothing aside', async () => {
    const built = await Promise.all([1, 2, 3].map(() => buildExampleRepository({ dir: join(dir, 'together') })))
    expect(new Set(built.map(({ mirrorsDir }) => mirrorsDir)).size).toBe(1)
    expect(readdirSync(join(dir, 'together'))).toHaveLength(1)
    expect(await gitAt(built[0]!.mirrorsDir, 'for-each-ref')).toBe(await gitAt(example.mirrorsDir, 'for-each-ref'))
  })
})

describe('what GitHub says and what git holds', () => {
  test('agree on heads, merges, styles, dates and bases', async () => {
    const refs = (await gitAt(example.mirrorsDir, 'for-each-ref', '--format=%(refname) %(objectname)')).split('\n')
    const heads = Object.entries(recorded.pulls).map(([number, pull]) => `refs/pull/${number}/head ${pull.head.sha}`)
    expect(refs.filter((ref) => !ref.startsWith('refs/heads/main ')).sort()).toEqual(heads.sort())

    const styles = new Map<number, unknown>()
    for (const [number, stage] of resolved) {
      const pull = recorded.pulls[number]!
      styles.set(number, pull['_merge_style'])
      expect(stage, `#${number}`).toMatchObject({
        baseSha: pull['_mainline_parent_sha'],
        resultSha: pull['merge_commit_sha'],
        mergedAt: pull['_merge_commit_date'],
        style: pull['_merge_style'] === 'merge_title' ? 'merge' : pull['_merge_style'],
      })
    }
    expect(Object.fromEntries(styles)).toEqual({
      ...{ 1: 'squash', 3: 'merge', 4: 'squash', 5: 'squash', 6: 'merge', 7: 'rebase' },
      ...{ 9: 'merge_title', 11: 'squash', 12: 'squash', 13: 'merge', 14: 'merge' },
    })
    const subject = async (number: number) =>
      (await repository.commit(resolved.get(number)!.resultSha))!.message.split('\n')[0]
    expect(await subject(3)).toBe('Merge pull request #3 from prchain-example/round-first')
    expect(await subject(9)).toBe('Skip a holiday that falls on the first day looked at (#9)')
    expect(recorded.pulls['13']!.base.sha).not.toBe(recorded.pulls['13']!['_mainline_parent_sha'])
    expect(pulls.filter(({ isMerged }) => !isMerged).map(({ number }) => number)).toEqual([10])
  })

  test('agree on the commits of every branch', async () => {
    for (const [number, commits] of Object.entries(recorded.commits)) {
      const pull = recorded.pulls[number]!
      const log = await repository.log(pull['_merge_base_sha'] as string, pull.head.sha)
      expect(log.map(({ sha }) => sha)).toEqual(commits.map(({ sha }) => sha))
      expect(log.map(({ message }) => message.trim())).toEqual(commits.map(({ commit }) => commit.message.trim()))
      for (const { sha, parents } of commits) {
        expect((await repository.commit(sha))!.parents).toEqual(parents.map((parent) => parent.sha))
      }
    }
  })

  test('agree on the files, and a merge is what git would have merged', async () => {
    for (const [number, { baseSha, resultSha, headSha }] of resolved) {
      const fork = recorded.pulls[number]!['_merge_base_sha'] as string
      expect(await repository.mergeBase(baseSha, headSha)).toBe(fork)
      const listed = recorded.files[number]!.map(({ filename, additions, deletions }) => [
        filename,
        additions,
        deletions,
      ])
      for (const [from, to] of [
        [baseSha, resultSha],
        [fork, headSha],
      ] as const) {
        const changes = await repository.changes(from, to)
        expect(
          changes.map((change) => [change.path, change.additions ?? 0, change.deletions ?? 0]),
          `#${number}`,
        ).toEqual(listed)
      }
      const merged = await repository.mergeTrees({ base: fork, ours: baseSha, theirs: headSha })
      expect(merged).toEqual({ kind: 'clean', tree: (await repository.commit(resultSha))!.tree })
    }
  })

  test('the chain of three has every kind of change outside its tests', () => {
    const kinds = [5, 9, 13].flatMap((number) => resolved.get(number)!.changes.filter(({ path }) => !isTestPath(path)))
    expect(kinds).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ path: 'src/calendar.js', kind: 'added' }),
        expect.objectContaining({ path: 'data/holidays.bin', kind: 'added', additions: null }),
        expect.objectContaining({ path: 'src/weekday.js', kind: 'deleted' }),
        expect.objectContaining({ path: 'src/time-of-day.js', kind: 'renamed', oldPath: 'src/clock.js' }),
        expect.objectContaining({ path: 'bin/almanac.js', oldMode: '100644', newMode: '100755' }),
      ]),
    )
  })
})

describe('mining the example repository', () => {
  test('finds the chain of three and the chain of two, and no other', () => {
    const chains = buildChains(filterPulls(pulls).kept, buildLinks(findReferences(pulls)))
    expect(chains.map(({ numbers, shape }) => ({ numbers, shape }))).toEqual([
      { numbers: [3, 11], shape: 'path' },
      { numbers: [5, 9, 13], shape: 'path' },
    ])
    const evidence = chains.flatMap(({ links }) => links.flatMap(({ references }) => references))
    expect(evidence.map(({ from, to, source, viaIssue }) => ({ from, to, source, viaIssue }))).toEqual([
      { from: 11, to: 3, source: 'review', viaIssue: 2 },
      { from: 9, to: 5, source: 'body', viaIssue: null },
      { from: 13, to: 9, source: 'commit', viaIssue: null },
    ])
  })

  test('sees a contrast for what it is, and nothing in a code fence, in a comment of a bot, or in a template', () => {
    const links = buildLinks(findReferences(pulls))
    expect(links.find(({ from, to }) => from === 7 && to === 3)).toMatchObject({
      score: 0,
      references: [{ cue: 'contrasts' }],
    })
    const pairs = links.map(({ from, to }) => `${from}>${to}`)
    for (const fenced of ['7>5', '7>1']) expect(pairs).not.toContain(fenced)
    // What a bot said is told as such, and counts for nothing.
    const byBot = links.find(({ from, to }) => from === 5 && to === 4)
    expect(byBot).toMatchObject({ score: 0, references: [{ source: 'comment', isBot: true }] })
    expect(links.filter(({ from }) => from === 14)).toEqual([])
  })

  test('drops what cannot be a stage, though one of them cites a chain', () => {
    expect(filterPulls(pulls).dropped).toEqual([
      { number: 4, rule: 'ci-only' },
      { number: 6, rule: 'bot' },
      { number: 10, rule: 'unmerged' },
      { number: 12, rule: 'docs-only' },
    ])
    const cited = findReferences(pulls).filter(({ from }) => from === 12)
    expect(cited.map(({ to }) => to)).toEqual([5, 9])
  })

  test('is also done by the files beside it', () => {
    const examples = join(import.meta.dirname, '..', '..', 'examples')
    const lines = readFileSync(join(examples, 'chains.jsonl'), 'utf8').trim().split('\n')
    expect(lines.map((line) => chainImport.parse(JSON.parse(line)))).toEqual([
      { repo: example.repository, prs: [5, 9, 13], id: 'almanac-workdays' },
    ])
    for (const name of ['environment.node.json', 'environment.python.json']) {
      expect(environment.parse(JSON.parse(readFileSync(join(examples, name), 'utf8'))).test.report).toBe('junit')
    }
    expect(example.environment.image).toMatch(/^node:/)
  })
})

describe('the tests of each stage', () => {
  test.each([3, 11, 5, 9, 13])('of #%i fail on the base and pass with the change', async (number) => {
    const { baseSha, resultSha } = resolved.get(number)!
    const before = await passing(baseSha, number)
    const after = await testResults(resultSha, number)
    expect(after.filter(({ status }) => status !== 'passed')).toEqual([])
    const failing = after.filter(({ id }) => !before.has(id)).map(({ id }) => id)
    const {
      named: [file, name],
      ...counts
    } = STAGES[number]!
    expect(
      failing.filter((id) => id.startsWith(`${file}::`) && id.endsWith(`::${name}`)),
      failing.join('\n'),
    ).toHaveLength(1)
    expect({ failing: failing.length, passing: after.length - failing.length }).toEqual(counts)
  })

  test.each([3, 5])('of #%i notice any one source hunk that is left out', async (number) => {
    const { baseSha, resultSha, changes } = resolved.get(number)!
    const wanted = (await testResults(resultSha, number)).map(({ id }) => id)
    const paths = changes.map(({ path }) => path).filter((path) => !isTestPath(path))
    const patch = (await repository.patch(baseSha, resultSha, paths)).toString('utf8')
    const variants = withoutEachHunk(patch, paths.filter(isSourcePath))
    expect(variants.length).toBeGreaterThan(3)
    for (const { hunk, rest } of variants) {
      const passed = await passing(await repository.applyPatch(baseSha, Buffer.from(rest)), number)
      expect(
        wanted.filter((id) => !passed.has(id)),
        hunk,
      ).not.toEqual([])
    }
  })
})

/** A patch once for each hunk of some files, without that hunk. A new file goes with its only hunk. */
function withoutEachHunk(patch: string, paths: string[]): { hunk: string; rest: string }[] {
  const files = patch.split(/^(?=diff --git )/m).map((text) => {
    const [head = '', ...hunks] = text.split(/^(?=@@ )/m)
    return { head, hunks, path: /^diff --git a\/(.*) b\//.exec(head)?.[1] ?? '' }
  })
  return files
    .filter(({ path }) => paths.includes(path))
    .flatMap((file) =>
      file.hunks.map((left) => {
        const kept = files.map((other) => ({ ...other, hunks: other.hunks.filter((hunk) => hunk !== left) }))
        const whole = kept.filter(({ hunks, head }) => hunks.length > 0 || head.includes('GIT binary patch'))
        return { hunk: `${file.path}\n${left}`, rest: whole.map(({ head, hunks }) => head + hunks.join('')).join('') }
      }),
    )
}

async function passing(tree: string, number: number): Promise<Set<string>> {
  return new Set((await testResults(tree, number)).flatMap(({ id, status }) => (status === 'passed' ? [id] : [])))
}

/** Runs a pull request's tests on a tree in a folder of its own, as the environment says. */
async function testResults(tree: string, number: number) {
  const { changes, resultSha } = resolved.get(number)!
  const tests = changes
    .flatMap(({ path, oldPath }) => [path, ...(oldPath === null ? [] : [oldPath])])
    .filter(isTestPath)
  const graded = await repository.withPathsFrom(tree, resultSha, tests)
  const root = mkdtempSync(join(dir, 'tests-'))
  mkdirSync(root, { recursive: true })
  const unpacking = spawn('tar', ['-x', '-C', root])
  // tar stops reading at the archive's end, which may be before the pipe is closed.
  await pipeline(await repository.exportRepository(graded), (await unpacking.nodeChildProcess).stdin!).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
    },
  )
  await unpacking
  const report = join(root, 'report.xml')
  const files = tests.filter((path) => existsSync(join(root, path)))
  const command = example.environment.test.command.replace('{files}', files.join(' ')).replace('{report}', report)
  const PATH = `${dirname(process.execPath)}${delimiter}${process.env['PATH']}`
  await spawn('bash', ['-c', command], { cwd: root, env: { PATH } }).catch(
    () => 'failing tests are what some of these runs are for',
  )
  const results = parseJUnit(readFileSync(report, 'utf8'), root)
  rmSync(root, { recursive: true, force: true })
  if (results === null) throw new Error(`the tests of #${number} wrote no JUnit report`)
  return results
}

async function gitAt(mirrors: string, ...args: string[]): Promise<string> {
  return (await spawn('git', [`--git-dir=${join(mirrors, 'prchain-example__almanac.git')}`, ...args])).stdout
}

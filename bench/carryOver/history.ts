import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { buildLinks, holdsChain } from '../../src/domain/link.ts'
import { filterPulls, isBotAccount } from '../../src/domain/pullRequest.ts'
import { findReferences } from '../../src/domain/reference.ts'
import { isSourcePath } from '../../src/domain/testPath.ts'
import type { EvidenceText, PullRequest } from '../../src/formats/pullRequest.ts'
import { createChance, shuffle } from './chance.ts'
import type { Pair } from './pairs.ts'

const run = promisify(execFile)
const MERGED = /^Merge pull request #(\d+) from/
const SQUASHED = /\s*\(#(\d+)\)$/
/** How many merges later a pull request may be to continue another by rule `same file`. */
const REACH = 400
/** A pull request that touches more source files than this is a sweep and continues nothing. */
const MOST_SOURCES = 20

/**
 * Pairs of merged pull requests of a mirror's current branch, the later of which cites the earlier in commit text, by
 * the rules that link chains, and after all of these, pairs the later of which touches a source file that the earlier
 * touched. In an order of chance of the seed. Reads the last `depth` first-parent commits.
 */
export async function drawHistoryPairs(options: {
  mirror: string
  repository: string
  depth: number
  seed: number
}): Promise<{ pairs: Pair[]; pulls: number; links: number }> {
  const { mirror, repository, depth, seed } = options
  const pick = createChance(seed, repository)
  const { kept } = filterPulls(await readMerged({ mirror, repository, depth }))
  const byNumber = new Map(kept.map((pull) => [pull.number, pull]))
  const links = buildLinks(findReferences(kept)).filter(
    (link) => holdsChain(link) && byNumber.has(link.from) && byNumber.has(link.to),
  )
  const cited = links.map(({ from, to }): Pair => pairOf(byNumber.get(to)!, byNumber.get(from)!, 'cites'))
  const pairs = shuffle(cited, pick)
  for (const earlier of shuffle([...kept.keys()], pick)) {
    const sources = new Set(sourcesOf(kept[earlier]!))
    if (sources.size > MOST_SOURCES) continue
    const later = kept
      .slice(earlier + 1, earlier + 1 + REACH)
      .filter((pull) => sourcesOf(pull).some((path) => sources.has(path)) && sourcesOf(pull).length <= MOST_SOURCES)
    if (later.length > 0) pairs.push(pairOf(kept[earlier]!, later[pick(later.length)]!, 'same file'))
  }
  return { pairs, pulls: kept.length, links: links.length }

  function pairOf(earlier: PullRequest, later: PullRequest, rule: Pair['rule']): Pair {
    return { repository, earlier, later, rule }
  }
}

function sourcesOf({ files }: PullRequest): string[] {
  return files!.map(({ path }) => path).filter(isSourcePath)
}

/** The pull requests whose merge or squash commits lie on the current branch, the oldest first, as far as git knows them. */
async function readMerged(options: { mirror: string; repository: string; depth: number }): Promise<PullRequest[]> {
  const { mirror, repository, depth } = options
  const line = await readLog(mirror, [
    ...['--first-parent', '--diff-merges=first-parent', '--name-only', `--max-count=${depth}`],
  ])
  const commits = line.toReversed()
  const oldest = commits[0]
  if (!oldest) return []
  const all = await readLog(mirror, [`${oldest.sha}..HEAD`])
  const bySha = new Map(all.map((commit) => [commit.sha, commit]))
  const claimed = new Set(commits.map(({ sha }) => sha))
  return commits.flatMap((commit) => {
    const [subject = '', ...rest] = commit.message.split('\n')
    const number = (MERGED.exec(subject) ?? SQUASHED.exec(subject))?.[1]
    const branch = claimBranch(commit.parents.slice(1))
    if (number === undefined) return []
    const isMerge = MERGED.test(subject)
    const body = rest.join('\n').trim()
    const title = isMerge ? (body.split('\n')[0] ?? '') : subject.replace(SQUASHED, '')
    const author = isMerge ? (branch[0]?.author ?? null) : commit.author
    const text = (source: EvidenceText['source'], text: string, sha: string | null): EvidenceText => ({
      ...{ source, text, url: null, author, sha },
      isBot: isBotAccount(author),
    })
    return {
      format: 'prchain.pull-request/1',
      ...{ repository, number: Number(number), title, author, isBot: isBotAccount(author), isMerged: true },
      ...{ mergeCommitSha: commit.sha, headSha: null, baseRef: null, createdAt: null, mergedAt: commit.committedAt },
      ...{ url: '', labels: [], commitCount: 0, citedBy: [], issues: [], closes: [], lacks: [] },
      files: commit.paths.map((path) => ({ path, additions: 0, deletions: 0 })),
      texts: [
        text('title', title, null),
        text('body', body, null),
        ...branch.map(({ sha, message }) => text('commit', message, sha)),
      ],
    } satisfies PullRequest
  })

  /** The commits that a merge brought to the branch: what its further parents reach and no earlier merge did. */
  function claimBranch(parents: readonly string[]): LoggedCommit[] {
    const found: LoggedCommit[] = []
    const open = [...parents]
    for (let sha = open.pop(); sha !== undefined; sha = open.pop()) {
      const commit = bySha.get(sha)
      if (!commit || claimed.has(sha)) continue
      claimed.add(sha)
      found.push(commit)
      open.push(...commit.parents)
    }
    return found
  }
}

interface LoggedCommit {
  sha: string
  parents: string[]
  committedAt: string
  author: string
  message: string
  /** Where asked for. */
  paths: string[]
}

async function readLog(mirror: string, args: readonly string[]): Promise<LoggedCommit[]> {
  const format = '--format=%x01%H%n%P%n%cI%n%an%n%B%x02'
  const { stdout } = await run('git', ['--git-dir', mirror, 'log', '-z', '--no-renames', format, ...args], {
    maxBuffer: 1 << 29,
  })
  return stdout
    .split('\u0001')
    .slice(1)
    .map((entry) => {
      const [head = '', files = ''] = entry.split('\u0002')
      const [sha = '', parents = '', committedAt = '', author = '', ...message] = head.split('\n')
      const paths = files.split('\0').map((path) => path.replace(/^\n/, ''))
      return {
        ...{ sha, author, message: message.join('\n').trimEnd() },
        committedAt: new Date(committedAt).toISOString().replace('.000Z', 'Z'),
        parents: parents.split(' ').filter((parent) => parent !== ''),
        paths: paths.filter((path) => path !== ''),
      }
    })
}

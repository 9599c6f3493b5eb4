import { spawnSync } from 'node:child_process'

/** A commit as far as references need it. */
export interface Commit {
  sha: string
  parents: string[]
  /** When it was committed, ISO 8601. */
  committedAt: string
  author: string
  /** Without its last line breaks. */
  message: string
}

/** What a mirror with `refs/pull/N/head` knows of the pull requests of its repository. */
export interface History {
  commits: ReadonlyMap<string, Commit>
  /** Number → head commit. */
  heads: ReadonlyMap<number, string>
  /** Number → the commit that merged it. */
  merges: ReadonlyMap<number, Commit>
  /** The commits of its branch alone, newest first, at most 250. */
  branchOf(number: number): Commit[]
}

const MAX_BRANCH = 250
/** A head is older than its merge, give or take a clock. */
const SLACK_MS = 86_400_000

/** Reads a bare mirror. A merge counts for a number only where the head of that number is not newer. */
export function readHistory(gitDir: string): History {
  const heads = new Map<number, string>()
  const lines: string[] = []
  for (const ref of git(gitDir, ['for-each-ref', '--format=%(objectname) %(refname)']).split('\n')) {
    const [sha = '', name = ''] = ref.split(' ')
    const number = /^refs\/pull\/(\d+)\/head$/.exec(name)?.[1]
    if (number !== undefined) heads.set(Number(number), sha)
    else if (/^refs\/heads\/(?:.*maint.*|.*release.*|.*stable.*|.*v\d.*|.*\/\d.*|.*backport.*)$/.test(name))
      lines.push(sha)
  }
  const tip = git(gitDir, ['rev-parse', 'HEAD']).trim()
  const commits = readCommits(gitDir, [tip, ...lines, ...heads.values()])
  const landing = new Map<string, string>()
  const main = [tip, ...lines].map((line) => landCommits(line, commits, landing))
  const merges = findMerges({ commits, heads, main, landing })
  return {
    commits,
    heads,
    merges,
    branchOf(number) {
      const merge = merges.get(number)
      if (merge === undefined || merge.parents.length < 2)
        return walk(heads.get(number), commits, (sha) => !landing.has(sha))
      const before = lineBefore(merge, commits, landing)
      const isOwn = (sha: string) => landing.get(sha) === landing.get(merge.sha) && !before.has(sha)
      return walk(merge.parents[1], commits, isOwn)
    },
  }
}

/** Marks for each commit that a line of first parents brought the commit of that line that did; gives the line, oldest first. */
function landCommits(tip: string, commits: ReadonlyMap<string, Commit>, landing: Map<string, string>): Commit[] {
  const line: Commit[] = []
  for (let at = commits.get(tip); at && !landing.has(at.sha); at = commits.get(at.parents[0] ?? '')) line.push(at)
  line.reverse()
  for (const { sha } of line) landing.set(sha, sha)
  for (const { sha, parents } of line) {
    const open = parents.slice(1)
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (landing.has(next) || !commits.has(next)) continue
      landing.set(next, sha)
      open.push(...commits.get(next)!.parents)
    }
  }
  return line
}

function findMerges(from: {
  commits: ReadonlyMap<string, Commit>
  heads: ReadonlyMap<number, string>
  main: readonly Commit[][]
  landing: ReadonlyMap<string, string>
}): Map<number, Commit> {
  const { commits, heads, main, landing } = from
  const merges = new Map<number, Commit>()
  const claim = (commit: Commit) => {
    const number = claimedNumber(commit)
    const head = number === null ? undefined : commits.get(heads.get(number) ?? '')
    if (number === null || head === undefined || merges.has(number)) return
    if (Date.parse(head.committedAt) <= Date.parse(commit.committedAt) + SLACK_MS) merges.set(number, commit)
  }
  for (const line of main) line.forEach(claim)
  // Merged into a branch that was merged in turn; then, with no number in a subject, by the head itself.
  for (const sha of landing.keys()) if (landing.get(sha) !== sha) claim(commits.get(sha)!)
  for (const [number, head] of heads) {
    const landed = commits.get(landing.get(head) ?? '')
    if (landed && !merges.has(number) && landed.sha !== head && claimedNumber(landed) === null)
      merges.set(number, landed)
  }
  return merges
}

function claimedNumber({ message, parents }: Commit): number | null {
  const subject = message.slice(0, message.indexOf('\n') === -1 ? undefined : message.indexOf('\n')).trimEnd()
  const merged = parents.length > 1 ? /^Merge pull request #(\d+) from/.exec(subject) : null
  const number = (merged ?? /\(#(\d+)\)$/.exec(subject))?.[1]
  return number === undefined ? null : Number(number)
}

/** The first parents before a merge that reached the main line together with it: those of the branch that took it. */
function lineBefore(
  merge: Commit,
  commits: ReadonlyMap<string, Commit>,
  landing: ReadonlyMap<string, string>,
): Set<string> {
  const before = new Set<string>([merge.sha])
  let at = merge.parents[0]
  while (at !== undefined && landing.get(at) === landing.get(merge.sha)) {
    before.add(at)
    at = commits.get(at)?.parents[0]
  }
  return before
}

function walk(
  head: string | undefined,
  commits: ReadonlyMap<string, Commit>,
  isOwn: (sha: string) => boolean,
): Commit[] {
  const seen = new Set<string>()
  const found: Commit[] = []
  const open = head === undefined ? [] : [head]
  for (let sha = open.shift(); sha !== undefined && found.length < MAX_BRANCH; sha = open.shift()) {
    const commit = commits.get(sha)
    if (!commit || seen.has(sha) || !isOwn(sha)) continue
    seen.add(sha)
    found.push(commit)
    open.push(...commit.parents)
  }
  return found
}

function readCommits(gitDir: string, tips: readonly string[]): Map<string, Commit> {
  const format = '--format=%H%x00%P%x00%cI%x00%an%x00%B%x00'
  const written = git(gitDir, ['log', '-z', format, '--stdin'], [...new Set(tips)].join('\n'))
  const fields = written.split('\0')
  const commits = new Map<string, Commit>()
  for (let at = 0; at + 4 < fields.length; at += 6) {
    const [sha = '', parents = '', committedAt = '', author = '', message = ''] = fields.slice(at, at + 5)
    const ids = parents === '' ? [] : parents.split(' ')
    commits.set(sha, { sha, parents: ids, committedAt, author, message: message.replace(/\n+$/, '') })
  }
  return commits
}

function git(gitDir: string, args: readonly string[], input = ''): string {
  const ended = spawnSync('git', ['-c', 'safe.directory=*', '-C', gitDir, ...args], { input, maxBuffer: 2 ** 30 })
  if (ended.status !== 0)
    throw new Error(`git ${args[0]} in ${gitDir} failed: ${ended.stderr.toString()}`, { cause: ended.error })
  return ended.stdout.toString('utf8')
}

import { seededRandom } from '../../src/domain/shuffle.ts'
import type { EvidenceText, IssueThread, PullRequest } from '../../src/formats/pullRequest.ts'

/** The paper's nine repositories and their pull requests (its Table 4): 61,810 in all. */
export const NINE: readonly (readonly [string, number])[] = [
  ['cloudquery/cloudquery', 9_705],
  ['apache/pulsar', 9_803],
  ['scipy/scipy', 9_511],
  ['astral-sh/ruff', 8_115],
  ['PrefectHQ/prefect', 8_433],
  ['numpy/numpy', 9_355],
  ['microsoft/autogen', 1_467],
  ['ivy-llc/ivy', 4_160],
  ['tursodatabase/libsql', 1_261],
]

const WORDS =
  'the cache of a parser holds each token until its buffer is full and then drops what nobody reads so that memory stays small when many files are open at once which a caller can see in the report'.split(
    ' ',
  )
const FOLDERS = ['src/core', 'src/io', 'src/api', 'lib/cache', 'pkg/net', 'src/report', 'src/plan', 'src/store']
const CITING = [
  'Follow-up to #N.',
  'This extends #N with the case of an empty file.',
  'Fixes a regression from #N.',
  'Same approach as in #N, for the writer.',
  'See also #N.',
  'Unlike #N, this keeps the order.',
  'Related: #N, which touched the same file.',
]
const TEMPLATE = `<!-- Please read the guide before you open a pull request, see #1. -->

#### Checklist
- [x] Tests were added
- [ ] The changelog has an entry

`
const CODE =
  '\n```py\ncache = Cache(limit=12)  # see #99\nassert cache.read("a") is None\n```\n\n> earlier somebody wrote #77\n'

/**
 * A repository's closed pull requests and issues, made up: as long and as full of numbers as real ones (a body of some
 * 900 characters, four to fifteen further texts, one in nine citing an earlier pull request, one in six an issue). Follows
 * from the seed alone.
 */
export function* makeCorpus(options: {
  repository: string
  size: number
  seed: number
}): Generator<PullRequest | IssueThread> {
  const { repository, size, seed } = options
  const random = seededRandom(seed)
  const draw = (limit: number) => Math.floor(random() * limit)
  const pick = <T>(values: readonly T[]) => values[draw(values.length)]!
  const page = `https://github.com/${repository}`
  for (let number = 1, pulls = 0; pulls < size; number++) {
    const made = draw(5) === 0 ? makeIssue(number) : makePull(number)
    if (made.format === 'prchain.pull-request/1') pulls++
    yield made
  }

  function makePull(number: number): PullRequest {
    const isBot = draw(12) === 0
    const isMerged = draw(8) > 0
    const author = isBot ? 'renovate[bot]' : `dev${draw(200)}`
    const mergedAt = isMerged ? timeOf(number * 60 + draw(600)) : null
    const files = Array.from({ length: 1 + draw(6) }, () => `${pick(FOLDERS)}/${pick(WORDS)}${draw(40)}.py`)
    const tests = draw(3) === 0 ? [] : [`tests/test_${pick(WORDS)}.py`]
    const base = { url: `${page}/pull/${number}`, isBot, sha: null }
    const say = (source: EvidenceText['source'], text: string, by: string | null = author): EvidenceText => ({
      ...base,
      source,
      text,
      author: by,
    })
    const title = `${pick(['Fix', 'Add', 'Refactor', 'Speed up'])} ${prose(6)}`
    const commits = Array.from({ length: 1 + draw(3) }, () => ({
      ...say('commit', `${title} (#${number})\n\n${prose(25)}`),
      sha: sha(),
    }))
    const talk = Array.from({ length: draw(10) }, () =>
      say(
        pick(['comment', 'review', 'review-comment'] as const),
        prose(10 + draw(60)) + citation(number, 40),
        `dev${draw(200)}`,
      ),
    )
    return {
      format: 'prchain.pull-request/1',
      repository,
      number,
      title,
      author,
      isBot,
      isMerged,
      mergeCommitSha: isMerged ? sha() : null,
      headSha: sha(),
      baseRef: 'main',
      createdAt: timeOf(number * 60),
      mergedAt,
      url: base.url,
      labels: [],
      files: [...new Set([...files, ...tests])].map((path) => ({ path, additions: draw(80), deletions: draw(30) })),
      commitCount: commits.length,
      texts: [say('title', title), say('body', body(number)), ...commits, ...talk],
      citedBy: [],
      issues: [],
      closes: [],
      lacks: [],
    }
  }

  function makeIssue(number: number): IssueThread {
    const [url, author] = [`${page}/issues/${number}`, `dev${draw(200)}`]
    const say = (source: EvidenceText['source'], text: string): EvidenceText => ({
      source,
      text,
      url,
      author,
      isBot: false,
      sha: null,
    })
    const texts = [
      say('title', prose(7)),
      say('body', prose(90) + CODE),
      ...Array.from({ length: draw(4) }, () => say('comment', prose(30) + citation(number, 12))),
    ]
    return {
      format: 'prchain.issue/1',
      repository,
      number,
      author,
      isBot: false,
      createdAt: timeOf(number * 60),
      url,
      labels: [],
      texts,
    }
  }

  function body(number: number): string {
    const closing = draw(6) === 0 && number > 10 ? `Closes #${1 + draw(number - 1)}.\n` : ''
    const code = draw(4) === 0 ? CODE : ''
    return `${TEMPLATE}${prose(60)}${citation(number, 9)}\n\n${closing}${code}${prose(40)}`
  }

  /** A sentence that cites an earlier number, mostly a near one, in one text of `rarity`. */
  function citation(number: number, rarity: number): string {
    if (number < 10 || draw(rarity) > 0) return ''
    const back = 1 + Math.floor(random() ** 3 * Math.min(number - 2, 800))
    return ` ${pick(CITING).replace('#N', `#${number - back}`)}`
  }

  function prose(words: number): string {
    return Array.from({ length: words }, (_, index) => pick(WORDS) + (index % 14 === 13 ? '.\n' : '')).join(' ')
  }

  function sha(): string {
    return Array.from({ length: 5 }, () =>
      draw(2 ** 32)
        .toString(16)
        .padStart(8, '0'),
    ).join('')
  }
}

function timeOf(minutes: number): string {
  return new Date(Date.UTC(2016, 0, 1) + minutes * 60_000).toISOString()
}

import type { PullRequest } from '../formats/pullRequest.ts'
import { isCiPath, isDocsPath, isSourcePath } from './testPath.ts'

/** The rules of {@link findRule}, in the order in which they are tried. */
export const PULL_RULES = [
  'unmerged',
  'bot',
  'revert',
  'release',
  'docs-only',
  'ci-only',
  'no-source',
  'oversize',
  'unproven',
] as const
/** Why a pull request cannot be a stage. */
export type PullRule = (typeof PULL_RULES)[number]

/** The most source files, and lines of them added and deleted, that a stage may change; above it is `oversize`. */
export const OVERSIZE = { files: 40, lines: 2_000 } as const

/** What {@link filterPulls} kept, what it dropped and by which rule, and how many each rule dropped. */
export interface FilteredPulls {
  kept: PullRequest[]
  dropped: { number: number; rule: PullRule }[]
  counts: Record<PullRule, number>
}

/**
 * Drops pull requests that cannot be a stage. Each is dropped by the first rule that fits, in the order of
 * {@link PULL_RULES}. Where its file list is not known, the rules that need it do not fit. `isProven` is what git says of
 * a number: false where its head or its merge are not this repository's pull request of that number, null where git was
 * not asked.
 */
export function filterPulls(
  pulls: Iterable<PullRequest>,
  isProven: (number: number) => boolean | null = () => null,
): FilteredPulls {
  const filtered: FilteredPulls = {
    kept: [],
    dropped: [],
    counts: Object.fromEntries(PULL_RULES.map((rule) => [rule, 0])) as Record<PullRule, number>,
  }
  for (const pull of pulls) {
    const rule = PULL_RULES.find((candidate) => RULES[candidate](pull, isProven(pull.number)))
    if (rule === undefined) {
      filtered.kept.push(pull)
      continue
    }
    filtered.dropped.push({ number: pull.number, rule })
    filtered.counts[rule] += 1
  }
  return filtered
}

/** Orders by the time of the merge, then by number. A pull request without a time comes last. */
export function compareMergeOrder(a: MergedPull, b: MergedPull): number {
  const [timeA, timeB] = [a, b].map(({ mergedAt }) => (mergedAt === null ? Infinity : Date.parse(mergedAt)))
  return timeA === timeB ? a.number - b.number : timeA! < timeB! ? -1 : 1
}

/** As much of a pull request as its place in the history needs. */
export type MergedPull = Pick<PullRequest, 'number' | 'mergedAt'>

/**
 * Whether an account is a program's: GitHub says so (`type: Bot`), its login ends in `[bot]`, or it is one of those
 * that run under an ordinary account.
 */
export function isBotAccount(login: string | null, type: string | null = null): boolean {
  if (type === 'Bot') return true
  return login !== null && (/\[bot\]$/i.test(login) || BOT_LOGINS.has(login.toLowerCase()))
}

const BOT_LOGINS = new Set([
  ...['dependabot', 'dependabot-preview', 'renovate', 'renovate-bot', 'greenkeeperio-bot', 'pyup-bot', 'snyk-bot'],
  ...['github-actions', 'web-flow-bot', 'pre-commit-ci', 'allcontributors', 'mergify', 'imgbot', 'stale', 'probot'],
  ...['codecov-io', 'codecov-commenter', 'codecov', 'coveralls', 'coderabbitai', 'sourcery-ai', 'lgtm-com'],
  ...['meeseeksmachine', 'lumberbot-app', 'miss-islington', 'bedevere-bot', 'the-knights-who-say-ni'],
  ...['googlebot', 'google-cla', 'k8s-ci-robot', 'k8s-bot', 'rust-highfive', 'rustbot', 'bors', 'homu', 'cla-bot'],
  ...['netlify', 'vercel', 'now', 'sonarcloud', 'deepsource-autofix', 'pep8speaks', 'welcome', 'semantic-release-bot'],
])

const RELEASE_TITLE =
  /^(?:(?:chore|build|ci)\(releases?\)!?:|(?:(?:chore|build):\s*)?(?:(?:prepare|cut|draft|publish)\s+)?(?:for\s+)?(?:the\s+)?(?:pre-?)?releas(?:e|ing)(?:\s+(?:of|for|version))*\s+v?\d|(?:chore: )?release$|v?\d+\.\d+(?:\.\d+)*\S*$|(?:\S+:\s*)?bump(?:ed|ing|s)? (?:the )?version|(?:\S+:\s*)?version bump)/i
/** A line of releases brought into another, such as "Merge `stable` into `main`": it holds what others did. */
const LINE =
  '[`\'"]?(?:[\\w-]+/)?(?:main|master|stable|next|trunk|dev|develop|release[-\\w./]*|v?\\d+(?:\\.(?:\\d+|x))+)[`\'"]?'
const LINE_MERGE_TITLE = new RegExp(
  `^merge (?:(?:remote-tracking )?branch )?${LINE} (?:back )?(?:in)?to ${LINE}(?=$|\\W)(?!\\.\\w)`,
  'i',
)
const CHANGELOG_NAME = /^(?:changelog|changes|history|news|release[-_]?notes)(?:\.\w+)?$/i
const VERSION_NAME = /^(?:_?version|__version__|__about__|_about)(?:\.\w+)?$/i
const MANIFEST_NAME =
  /^(?:package(?:-lock)?\.json|pyproject\.toml|setup\.cfg|cargo\.(?:toml|lock)|uv\.lock|poetry\.lock|yarn\.lock|pnpm-lock\.yaml)$/i

const RULES: Record<PullRule, (pull: PullRequest, isProven: boolean | null) => boolean> = {
  unmerged: (pull) => !pull.isMerged,
  bot: (pull) => pull.isBot,
  revert: (pull) => /^(?:revert|reapply|reland)\b/i.test(pull.title) || isRevertBody(bodyOf(pull)),
  release: (pull) =>
    RELEASE_TITLE.test(pull.title.trim()) || LINE_MERGE_TITLE.test(pull.title.trim()) || hasOnlyReleaseFiles(pull),
  'docs-only': (pull) => /^docs?(?:\([^)]*\))?!?:/i.test(pull.title) || hasOnly(pull, isDocsPath),
  'ci-only': (pull) => hasOnly(pull, isCiPath),
  'no-source': (pull) => pull.files !== null && !pull.files.some(({ path }) => isSourcePath(path)),
  oversize: isOversize,
  unproven: (_, isProven) => isProven === false,
}

function isOversize(pull: PullRequest): boolean {
  const source = (pull.files ?? []).filter(({ path }) => isSourcePath(path))
  const lines = source.reduce((sum, { additions, deletions }) => sum + additions + deletions, 0)
  return source.length > OVERSIZE.files || lines > OVERSIZE.lines
}

function hasOnly(pull: PullRequest, isKind: (path: string) => boolean): boolean {
  return pull.files !== null && pull.files.length > 0 && pull.files.every(({ path }) => isKind(path))
}

function hasOnlyReleaseFiles(pull: PullRequest): boolean {
  const isReleaseFile = (path: string) => CHANGELOG_NAME.test(nameOf(path)) || VERSION_NAME.test(nameOf(path))
  const isPart = (path: string) => isReleaseFile(path) || MANIFEST_NAME.test(nameOf(path))
  return hasOnly(pull, isPart) && pull.files!.some(({ path }) => isReleaseFile(path))
}

function isRevertBody(body: string): boolean {
  return /^\s*(?:this reverts commit [0-9a-f]{7,40}|reverts (?:[\w.-]+\/[\w.-]+)?#\d+)/i.test(body)
}

function bodyOf(pull: PullRequest): string {
  return pull.texts.find(({ source }) => source === 'body')?.text ?? ''
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

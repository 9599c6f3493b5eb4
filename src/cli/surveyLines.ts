import { PAPER_TOTAL } from '../domain/paperTable.ts'
import { MOST_HIDDEN, PAPER_EFFECTIVE } from '../domain/survey.ts'
import { plain, table, wrap } from './layout.ts'
import type { Survey } from './survey.ts'
import { FIRST_INSTANT } from './surveySample.ts'

const LABEL = 16
const UNKNOWN = '?'

/** One survey in full, a fact a line. */
export function surveyLines(survey: Survey, width: number | null): string[] {
  const { history, sample, expected, paper, unknown } = survey
  const facts: [label: string, words: string | null][] = [
    ['licence', survey.license ?? 'not known'],
    ['languages', languagesOf(survey, 4)],
    ['pull requests', history && `${count(history.opened)} opened, ${count(history.merged)} merged by git’s account`],
    [
      'effective',
      history &&
        `${count(history.effective)}, ${percent(history.effective, history.merged)} of the merged; the paper asks for more than ${count(PAPER_EFFECTIVE)}`,
    ],
    ['removed', history && removedOf(history.removed)],
    [
      'with tests',
      history && `${count(history.withTests)}, ${percent(history.withTests, history.effective)} of the effective`,
    ],
    [
      'review density',
      sample &&
        `${sample.reviewDensity?.toFixed(1) ?? UNKNOWN} comments by others for each merged pull request, ${sample.since === FIRST_INSTANT ? 'from the beginning' : `from ${sample.since.slice(0, 10)}`} to ${sample.until.slice(0, 10)}`,
    ],
    [
      'chains in git',
      history && `${count(history.chains)} of ${count(history.stages)} pull requests, from commit texts alone`,
    ],
    ['expected chains', expected && `${expectedOf(expected)}: ${basisOf(survey)}`],
    ['in the paper', paper && `${count(paper.pullRequests)} pull requests, ${count(paper.queries)} queries`],
    ['GitHub', `${survey.calls} call(s)${survey.remaining === null ? '' : `, ${count(survey.remaining)} left`}`],
    ...unknown.map(({ what, why }): [string, string] => ['not known', `${what}: ${plain(why)}`]),
  ]
  return [
    `${survey.repository}${survey.commit === null ? '' : ` at ${survey.commit.slice(0, 12)}`}`,
    ...facts.flatMap(([label, words]) =>
      words === null ? [] : wrap(`  ${label.padEnd(LABEL)} ${words}`, { width, hang: 4 }),
    ),
  ]
}

/** Several surveys as a table, those of the paper beside its Table 4, and below it what is not known. */
export function surveyTable(surveys: readonly Survey[], width: number | null): string[] {
  const hasPaper = surveys.some(({ paper }) => paper !== null)
  const heading = [
    'repository',
    'effective',
    'tests',
    'reviews',
    'in git',
    'expected',
    ...(hasPaper ? ['paper: PRs', 'queries'] : []),
    'licence',
    'languages',
  ]
  const rows = surveys.map((survey) => {
    const { history, sample, expected, paper } = survey
    return [
      survey.repository,
      history ? count(history.effective) : UNKNOWN,
      history ? percent(history.withTests, history.effective) : UNKNOWN,
      sample?.reviewDensity?.toFixed(1) ?? UNKNOWN,
      history ? count(history.chains) : UNKNOWN,
      expected ? expectedOf(expected) : UNKNOWN,
      ...(hasPaper ? [paper ? count(paper.pullRequests) : '', paper ? count(paper.queries) : ''] : []),
      survey.license ?? UNKNOWN,
      languagesOf(survey, 2),
    ]
  })
  const total = hasPaper && surveys.filter(({ paper }) => paper !== null).length === 9
  return [
    ...table([heading, ...rows], width),
    ...(total
      ? wrap(
          `The paper’s nine: ${count(PAPER_TOTAL.pullRequests)} pull requests, ${count(PAPER_TOTAL.queries)} queries.`,
          { width, hang: 2 },
        )
      : []),
    ...wrap(
      '“tests” is the share of effective pull requests that change one, “reviews” comments by others for each merged one, “in git” the chains that commit texts alone show, “expected” those that mining may find.',
      { width, hang: 2 },
    ),
    ...surveys.flatMap(({ repository, unknown }) =>
      unknown.flatMap(({ what, why }) =>
        wrap(`not known of ${repository}: ${what}: ${plain(why)}`, { width, hang: 2 }),
      ),
    ),
  ]
}

function expectedOf({ chains, low, high }: NonNullable<Survey['expected']>): string {
  const range = low === high ? count(low) : `${count(low)} to ${count(high)}`
  return chains === null ? range : `${count(chains)} (${range})`
}

function basisOf({ sample, expected }: Survey): string {
  if (expected?.basis === 'git' || sample === null)
    return `from what git shows to ${MOST_HIDDEN.toFixed(0)} times as many links, since no sample of the discussion was to be had`
  return `of ${sample.effective} sampled pull requests ${sample.linked} link to an earlier one, ${sample.linkedInGit} of them by what git shows`
}

function languagesOf({ languages }: Survey, most: number): string {
  if (languages.length === 0) return UNKNOWN
  return languages
    .filter(({ share }) => share >= 0.005)
    .slice(0, most)
    .map(({ name, share }) => `${name} ${percent(share, 1)}`)
    .join(', ')
}

function removedOf(removed: Record<string, number>): string {
  const rules = Object.entries(removed).filter(([, n]) => n > 0)
  if (rules.length === 0) return 'none'
  return rules
    .sort((a, b) => b[1] - a[1])
    .map(([rule, n]) => `${rule} ${count(n)}`)
    .join(', ')
}

function percent(part: number, whole: number): string {
  return whole === 0 ? UNKNOWN : `${Math.round((100 * part) / whole)}%`
}

function count(n: number): string {
  return n.toLocaleString('en-US')
}

import { composeGit, composeGitHub } from '../compose.ts'
import type { Config } from '../config.ts'
import { assembleGitCorpus } from '../domain/corpus.ts'
import { PAPER_REPOSITORIES, paperFigures } from '../domain/paperTable.ts'
import { expectChains, surveyHistory, surveySample } from '../domain/survey.ts'
import { repositoryName } from '../formats/common.ts'
import type { surveyOutput } from '../formats/output.ts'
import type { PullRequest } from '../formats/pullRequest.ts'
import type { GitRepository, PullHistory } from '../git/port.ts'
import type { z } from 'zod'
import { surveyLines, surveyTable } from './surveyLines.ts'
import { sampleGitHub, type FewCalls } from './surveySample.ts'
import { EXIT, FailedError, InputError, type Terminal } from './terminal.ts'

/** What is known of a repository before it is mined. */
export type Survey = z.infer<typeof surveyOutput>

/**
 * `prchain survey REPO…`: is a repository worth mining? From git, and at most ten calls to GitHub for each, none with
 * `source` git. Reads a folder of mirrors where there is one, else clones. What cannot be had is said and left out;
 * exit 1 when nothing could be had of a repository.
 */
export async function survey(options: {
  config: Config
  repositories: readonly string[]
  isPaper: boolean
  source: string
  terminal: Terminal
  signal: AbortSignal
}): Promise<number> {
  const { config, source, terminal, signal } = options
  const nine = options.isPaper ? PAPER_REPOSITORIES.map(({ repository }) => repository) : []
  const repositories = [...new Set([...options.repositories, ...nine])]
  if (repositories.length === 0) throw new InputError('survey what? Name repositories (owner/name), or --preset paper')
  for (const repository of repositories)
    if (!repositoryName.safeParse(repository).success)
      throw new InputError(`"${repository}" is no repository: expected owner/name`)
  if (source !== 'github' && source !== 'git') throw new InputError(`--source ${source}: expected github or git`)
  const stopped = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(new FailedError('stopped; nothing was changed but clones')), {
      once: true,
    }),
  )
  stopped.catch(() => {})
  const surveys: Survey[] = []
  let hasNothing = false
  for (const repository of repositories) {
    terminal.say(`surveying ${repository}`)
    const surveying = surveyRepository({ config, repository, isGitHubAsked: source === 'github' })
    const { found, isAnswered } = await Promise.race([surveying, stopped])
    surveys.push(found)
    terminal.emit(found)
    hasNothing ||= found.history === null && !isAnswered
  }
  if (!terminal.isJson) {
    const width = terminal.width ?? null
    const [only] = surveys
    const lines = surveys.length === 1 ? surveyLines(only!, width) : surveyTable(surveys, width)
    for (const line of ['', ...lines]) terminal.say(line)
  }
  return hasNothing ? EXIT.failed : EXIT.ended
}

interface FromGit {
  history: PullHistory
  pulls: PullRequest[]
  license: string | null
  languages: { name: string; share: number }[]
}

async function surveyRepository(options: {
  config: Config
  repository: string
  isGitHubAsked: boolean
}): Promise<{ found: Survey; isAnswered: boolean }> {
  const { config, repository, isGitHubAsked } = options
  const github = composeGitHub(config)
  const page = github.pageOf(repository)
  const unknown: Survey['unknown'] = []
  const fromGit = await readGit()
  const fewCalls = await askGitHub()
  const history = fromGit && { opened: fromGit.history.heads.size, ...surveyHistory(fromGit.pulls) }
  const sample = fromGit && fewCalls?.sample ? surveySample(fromGit.pulls, fewCalls.sample) : null
  const found: Survey = {
    format: 'prchain.survey/1',
    repository,
    commit: fromGit?.history.headSha ?? null,
    license: fewCalls?.repository?.license ?? fromGit?.license ?? null,
    languages: fromGit?.languages ?? [],
    history,
    sample: sample && {
      since: fewCalls!.sample!.since,
      until: fewCalls!.sample!.until,
      comments: fewCalls!.sample!.comments,
      ...sample,
    },
    expected: history && expectChains(history, sample),
    paper: paperOf(repository),
    calls: fewCalls?.calls ?? 0,
    remaining: fewCalls?.remaining ?? null,
    unknown,
  }
  return { found, isAnswered: (fewCalls?.repository ?? null) !== null }

  async function readGit(): Promise<FromGit | null> {
    try {
      const opened = await openNewest({ config, repository, onStale: (what) => unknown.push(what) })
      const read = await opened.pullHistory()
      return {
        history: read,
        pulls: assembleGitCorpus({ repository, page, history: read, lacks: [] }).pulls,
        license: await opened.license(read.headSha),
        languages: await opened.languages(read.headSha),
      }
    } catch (error) {
      if (!isGitError(error)) throw error
      unknown.push({ what: 'pull requests, tests, languages, chains', why: error.message })
      return null
    }
  }

  async function askGitHub(): Promise<FewCalls | null> {
    const what = 'review density, links in bodies and comments'
    if (!isGitHubAsked) {
      unknown.push({ what, why: 'GitHub was not asked (--source git)' })
      return null
    }
    const asked = await sampleGitHub({ github, repository, page, history: fromGit?.history ?? null })
    const why =
      asked.failure ?? (fromGit === null ? 'git says which pull requests are the newest, and there is no git' : null)
    if (why !== null) unknown.push({ what, why })
    return asked
  }
}

/** A repository with its newest commits, or as it was last fetched. Throws {@link GitError} when there is none. */
async function openNewest(options: {
  config: Config
  repository: string
  onStale: (what: Survey['unknown'][number]) => void
}): Promise<GitRepository> {
  const { config, repository, onStale } = options
  const git = composeGit(config)
  try {
    await git.refresh(repository, config.mirrors)
  } catch (error) {
    if (!isGitError(error)) throw error
    const opened = await git.open(repository, config.mirrors)
    onStale({ what: 'the newest pull requests', why: `the clone could not be brought up to date: ${error.message}` })
    return opened
  }
  return git.open(repository, config.mirrors)
}

function paperOf(repository: string): Survey['paper'] {
  const figures = paperFigures(repository)
  return figures && { pullRequests: figures.pullRequests, queries: figures.queries }
}

function isGitError(error: unknown): error is Error {
  return (error as Error).name === 'GitError'
}

import { isBotAccount } from '../../../src/domain/pullRequest.ts'
import type { EvidenceText, PullRequest } from '../../../src/formats/pullRequest.ts'
import type { Commit, History } from './history.ts'
import type { Recording } from './recording.ts'

/**
 * All pull requests of a repository as the parser takes them: when and by what they were merged, their commits' messages,
 * the merge's own among them, and the threads of those that were recorded. A text's `url` is its place in the labels.
 */
export function buildPulls(repository: string, history: History, recording: Recording): Map<number, PullRequest> {
  return new Map(
    [...history.heads.keys()].map((number) => [number, buildPull({ repository, number, history, recording })]),
  )
}

function buildPull(of: { repository: string; number: number; history: History; recording: Recording }): PullRequest {
  const { repository, number, history, recording } = of
  const merge = history.merges.get(number) ?? null
  const head = history.commits.get(history.heads.get(number)!) ?? null
  const recorded = recording.textsOf(number)
  const commits = merge === null ? [] : [...new Set([merge, head ?? merge, ...history.branchOf(number)])]
  const title = recorded.find(({ source }) => source === 'title')?.text ?? titleOf(merge ?? head)
  const author = head?.author ?? null
  const url = `https://github.com/${repository}/pull/${number}`
  return {
    format: 'prchain.pull-request/1',
    repository,
    number,
    title,
    author,
    isBot: isBotAccount(author),
    isMerged: merge !== null,
    mergeCommitSha: merge?.sha ?? null,
    headSha: head?.sha ?? null,
    baseRef: null,
    createdAt: null,
    mergedAt: merge && new Date(merge.committedAt).toISOString(),
    url,
    labels: [],
    files: null,
    commitCount: commits.length,
    texts: [
      ...(recorded.length > 0 ? recorded : [{ ...BY_NOBODY, source: 'title' as const, text: title, url }]),
      ...commits.map(commitText),
    ],
    citedBy: [],
    issues: [],
    closes: [],
    lacks: [],
  }
}

const BY_NOBODY = { author: null, isBot: false, sha: null } as const

function commitText({ sha, message, author }: Commit): EvidenceText {
  return { source: 'commit', text: message, url: sha, author, isBot: isBotAccount(author), sha }
}

function titleOf(commit: Commit | null): string {
  const [subject = '', , body = ''] = (commit?.message ?? '').split('\n')
  return /^Merge pull request #\d+ from/.test(subject) ? body : subject.replace(/ \(#\d+\)$/, '')
}

import { recordKey } from '../domain/identifiers.ts'
import type { Gathering } from '../formats/mining.ts'
import type { PullRequest } from '../formats/pullRequest.ts'
import type { Scope } from './edge.ts'
import type { MineInput } from './linkChains.ts'
import type { Ports } from './ports.ts'

/** Gathers a repository's closed pull requests with all their evidence. Returns the gathering's number. */
export async function gatherPulls(
  ports: Ports,
  input: MineInput,
  scope: Scope,
): Promise<{ n: number; pullRequests: number }> {
  const { repository } = input
  const n = (await ports.store.listRecords(recordKey.gatherings(repository))).length
  const numbers = await ports.github.listPullRequests(repository)
  const pulls: PullRequest[] = []
  for (const number of numbers) {
    scope.signal.throwIfAborted()
    scope.report({ gathered: pulls.length, of: numbers.length, at: number })
    pulls.push(await ports.github.fetchPullRequest(repository, number))
  }
  const gathered: Gathering = {
    format: 'prchain.gathering/1',
    repository,
    source: 'github',
    gatheredAt: new Date().toISOString(),
    facts: { defaultBranch: 'main', headSha: '0'.repeat(40), license: null, languages: [] },
    lacks: [],
    pages: {},
    calls: { rest: 0, unchanged: 0, graphql: 0, points: 0 },
    pulls: [await ports.store.putBlob(pulls.map((pull) => JSON.stringify(pull)).join('\n'))],
    issues: [],
  }
  await ports.store.putRecord(recordKey.gathering(repository, n), gathered)
  return { n, pullRequests: numbers.length }
}

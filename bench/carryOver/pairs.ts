import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PullRequest } from '../../src/formats/pullRequest.ts'

/** A merged pull request by the commit that merged it. */
export type MergedCommit = Pick<PullRequest, 'number' | 'mergeCommitSha'>

/** Two pull requests of a repository, the later of which continues the earlier. */
export interface Pair {
  repository: string
  earlier: MergedCommit
  later: MergedCommit
  /** Why they are a pair: `chain`, `cites` or `same file`. */
  rule: 'chain' | 'cites' | 'same file'
}

/** Every two consecutive pull requests of the chains in a folder's `chains.json`. */
export async function readChainPairs(dataDir: string): Promise<Pair[]> {
  const { chains } = JSON.parse(await readFile(join(dataDir, 'chains.json'), 'utf8')) as {
    chains: { repo: string; prs: { number: number; merge_sha: string }[] }[]
  }
  return chains.flatMap(({ repo, prs }) =>
    prs.slice(1).map((pull, index) => ({
      repository: repo,
      earlier: { number: prs[index]!.number, mergeCommitSha: prs[index]!.merge_sha },
      later: { number: pull.number, mergeCommitSha: pull.merge_sha },
      rule: 'chain' as const,
    })),
  )
}

/** A pair's name for people: `owner/name#1 → #2`. */
export function nameOf({ repository, earlier, later }: Pair): string {
  return `${repository}#${earlier.number} → #${later.number}`
}

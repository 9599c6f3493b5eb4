import type { GitPull, PullHistory } from '../../../src/git/port.ts'
import { instantOf, inventSha } from './assembled.ts'
import { filesOf } from './files.ts'
import type { Skeleton } from './skeleton.ts'
import { commitOf, titleOf } from './thread.ts'

/** What git would know of a generated repository, with no git behind it: for sizes that are not built. */
export function historyOf(skeleton: Skeleton): PullHistory {
  const { plan, bones } = skeleton
  const pulls = bones
    .keys()
    .drop(1)
    .filter((number) => bones[number]!.kind !== 'issue')
    .toArray()
  const headOf = (number: number) => inventSha(plan.name, `${number}/${bones[number]!.commits - 1}`)
  const inOrder = pulls
    .filter((number) => bones[number]!.isMerged)
    .sort((a, b) => bones[a]!.closedAt! - bones[b]!.closedAt! || a - b)
  let tip = inventSha(plan.name, 'begin')
  const merged = inOrder.map((number): GitPull => {
    const { author, closedAt, commits } = bones[number]!
    const baseSha = tip
    tip = inventSha(plan.name, `${number} merged`)
    return {
      number,
      style: 'squash',
      resultSha: tip,
      baseSha,
      headSha: headOf(number),
      mergedAt: instantOf(closedAt!),
      title: titleOf(skeleton, number),
      body: '',
      author: author ?? 'nobody',
      branch: 'main',
      files: filesOf(skeleton, number).map((file) => ({ oldPath: null, ...file })),
      commits: Array.from({ length: commits }, (_, slot) => ({
        sha: inventSha(plan.name, `${number}/${slot}`),
        message: commitOf(skeleton, number, slot).text,
        author: author ?? 'nobody',
      })),
      isProven: true,
      absorbs: [],
      standsOn: [],
      flags: [],
    }
  })
  return { defaultBranch: 'main', headSha: tip, heads: new Map(pulls.map((n) => [n, headOf(n)])), merged }
}

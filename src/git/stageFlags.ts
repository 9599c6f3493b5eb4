import type { GitRepository } from './port.ts'
import type { Pull, ResolvedStage } from './reference.ts'

/** What to know of a stage's commits beside its patch: other pull requests among them, and what GitHub names otherwise. */
export async function describeStanding(
  repository: GitRepository,
  pull: Pull,
  stage: Pick<ResolvedStage, 'baseSha' | 'resultSha' | 'headSha'> & { refHead: string },
): Promise<string[]> {
  const { number, headSha, baseSha } = pull
  const flags: string[] = []
  if (headSha !== null && headSha !== stage.refHead) {
    flags.push(`GitHub names ${headSha} as its head, refs/pull/${number}/head is ${stage.refHead}`)
  }
  if (baseSha && baseSha !== stage.baseSha && (await repository.has(baseSha))) {
    const behind = (await repository.log(baseSha, stage.baseSha)).length
    if (behind > 0) flags.push(`GitHub names ${baseSha} as its base, ${behind} commits behind B_t`)
  }
  return [...flags, ...(await describeOthers(repository, number, stage))]
}

/** Other pull requests whose heads are among its commits: those that its base already had, and those that it brought. */
async function describeOthers(
  repository: GitRepository,
  number: number,
  { baseSha, resultSha, headSha }: Pick<ResolvedStage, 'baseSha' | 'resultSha' | 'headSha'>,
): Promise<string[]> {
  const heads = await repository.pullHeads()
  const own = new Set((await repository.log(baseSha, headSha)).map(({ sha }) => sha))
  own.delete(headSha)
  const others = [...heads].filter(([other, sha]) => other !== number && own.has(sha))
  const flags: string[] = []
  for (const [other, sha] of others) {
    if (await isIn(repository, sha, baseSha)) flags.push(`its branch stands on #${other}, which B_t already has`)
    else if (await isIn(repository, sha, resultSha))
      flags.push(`it absorbed #${other}: its patch holds that change too`)
    else flags.push(`the head of #${other} is among its commits`)
  }
  return flags
}

/** Whether a commit already has what a branch brings: merging it would change nothing. */
async function isIn(repository: GitRepository, head: string, commit: string): Promise<boolean> {
  const base = await repository.mergeBase(commit, head)
  if (base === null) return false
  if (base === head) return true
  const ours = await repository.commit(commit)
  const merged = await repository.mergeTrees({ base, ours: commit, theirs: head })
  return merged.kind === 'clean' && merged.tree === ours?.tree
}

import type { RolloutSettings } from '../../src/formats/rollout.ts'
import type { Conflict, GitRepository } from '../../src/git/port.ts'
import { hasMarker } from '../../src/domain/conflict.ts'
import { isTestPath } from '../../src/domain/testPath.ts'
import { resolveStage } from '../../src/git/reference.ts'
import { makeAgentTree, readHumanFiles } from './agentTree.ts'
import { carryAgent, type StagePair } from './carriedPair.ts'
import { createChance } from './chance.ts'
import { DEGRADATIONS, newNames } from './degradations.ts'
import { nameOf, type Pair } from './pairs.ts'
import { parsePython } from './pythonSyntax.ts'
import { rememberAnswers } from './rememberingRepository.ts'

/** What carry-over made of one degraded patch under one policy. */
export interface Row {
  pair: string
  rule: Pair['rule']
  degradation: string
  policy: RolloutSettings['carry']
  /** The merge was clean; or for which sides deciding all conflicts gives a tree that could be worked on. */
  outcome: 'clean' | 'reconciled' | 'refused'
  reconciledFor: ('agent' | 'upstream')[]
  /** S_init is B_t, byte for byte. */
  isUpstream: boolean
  /** `overlay`: the patch applied as it is, without a merge. */
  isLiteral: boolean
  conflicts: { path: string; kind: Conflict['kind'] }[]
  /** The share of the agent's added lines, tests aside, in S_init; of a conflict, decided for either side. */
  survivingShare: { agent: number; upstream: number }
  /** Wall time of the merge alone; null when there was none. */
  mergeMs: number | null
}

/** A pair that cannot be measured, and why. */
export interface SkippedPair {
  pair: string
  reason: string
}

/**
 * Runs every degradation that fits through `substitute` and `overlay`. A pair is skipped when git cannot say what its
 * stages are, or when the mirror lacks objects that it takes. Throws {@link GitError} for all else that git cannot do.
 */
export async function measurePair(
  repository: GitRepository,
  pair: Pair,
  seed: number,
): Promise<{ rows: Row[] } | { skipped: SkippedPair }> {
  const name = nameOf(pair)
  const found = await findStages(repository, pair)
  if ('reason' in found) return { skipped: { pair: name, reason: found.reason } }
  const { stages } = found
  try {
    return { rows: await measureStages(repository, stages, { pair, seed }) }
  } catch (error) {
    if ((error as Error).name !== 'GitError') throw error
    for (const commit of [stages.firstBase, stages.firstResult, stages.base]) {
      const missing = await repository.missingObjects(commit)
      if (missing.length > 0) {
        return { skipped: { pair: name, reason: `the mirror lacks ${missing.length} objects of ${commit}` } }
      }
    }
    throw error
  }
}

async function measureStages(
  asked: GitRepository,
  stages: StagePair,
  { pair, seed }: { pair: Pair; seed: number },
): Promise<Row[]> {
  const name = nameOf(pair)
  const merged: number[] = []
  const repository = rememberAnswers(asked, (ms) => merged.push(ms))
  const { firstBase, firstResult, testFiles } = stages
  const files = await readHumanFiles(repository, { base: firstBase, result: firstResult })
  const known = await repository.findWords(firstBase, newNames(files))
  const baseTree = (await repository.commit(stages.base))!.tree
  const rows: Row[] = []
  for (const { name: degradation, degrade, takesUpstreamTests } of DEGRADATIONS) {
    const pick = createChance(seed, name, degradation)
    const edits = degrade(files, { pick, isKnown: (word) => known.has(word) })
    if (edits === null) continue
    const tree = await makeAgentTree(repository, { base: firstBase, result: firstResult, edits })
    // Lines of tests are not the agent's to keep: carry-over takes the files from upstream.
    const untested = await repository.withPathsFrom(tree, firstBase, [...testFiles])
    const agent = { tree, patch: await repository.patch(firstBase, untested) }
    const carried = { ...stages, testFiles: takesUpstreamTests ? testFiles : [] }
    for (const policy of ['substitute', 'overlay'] as const) {
      const row = await carryOne(repository, { stages: carried, agent, policy, baseTree, merged })
      rows.push({ pair: name, rule: pair.rule, degradation, policy, ...row })
    }
  }
  return rows
}

async function findStages(
  repository: GitRepository,
  { earlier, later }: Pair,
): Promise<{ stages: StagePair } | { reason: string }> {
  try {
    const unknown = { headSha: null, commitCount: 0, files: null }
    const first = await resolveStage(repository, { ...earlier, ...unknown })
    const second = await resolveStage(repository, { ...later, ...unknown })
    if ((await repository.mergeBase(first.resultSha, second.baseSha)) !== first.resultSha) {
      return { reason: `the base of #${later.number} does not hold #${earlier.number}` }
    }
    const paths = first.changes.flatMap(({ path, oldPath }) => (oldPath === null ? [path] : [path, oldPath]))
    const testFiles = paths.filter(isTestPath)
    return {
      stages: { firstBase: first.baseSha, firstResult: first.resultSha, testFiles, base: second.baseSha },
    }
  } catch (error) {
    if ((error as Error).name !== 'GitError') throw error
    return { reason: (error as Error).message }
  }
}

type Outcome = Omit<Row, 'pair' | 'rule' | 'degradation' | 'policy'>

async function carryOne(
  repository: GitRepository,
  given: {
    stages: StagePair
    agent: { tree: string; patch: Buffer }
    policy: Row['policy']
    baseTree: string
    /** Gets the time of each merge that is asked for. */
    merged: readonly number[]
  },
): Promise<Outcome> {
  const { stages, agent, policy, baseTree, merged } = given
  const carry = async (onConflict: 'agent' | 'upstream') => {
    const { status, tree, carryOver } = await carryAgent(repository, stages, agent, { carry: policy, onConflict })
    if (status !== 'carried') throw new Error(`a conflict decided for ${onConflict} is still one`)
    return { tree, ...carryOver }
  }
  const merges = merged.length
  const forAgent = await carry('agent')
  const mergeMs = merged[merges] ?? null
  const isLiteral = policy === 'overlay' && mergeMs === null
  if (forAgent.decidedBy === null) {
    const share = { agent: forAgent.survivingShare, upstream: forAgent.survivingShare }
    const isUpstream = forAgent.tree === baseTree
    return {
      ...{ outcome: 'clean', reconciledFor: [], isUpstream, isLiteral },
      conflicts: [],
      survivingShare: share,
      mergeMs,
    }
  }
  const forUpstream = await carry('upstream')
  const { conflicts } = forAgent
  const reconciledFor: Row['reconciledFor'] = []
  const known = { conflicts, sides: [baseTree, agent.tree] }
  if (await isWorkable(repository, forAgent.tree, known)) reconciledFor.push('agent')
  if (await isWorkable(repository, forUpstream.tree, known)) reconciledFor.push('upstream')
  return {
    outcome: reconciledFor.length > 0 ? 'reconciled' : 'refused',
    reconciledFor,
    isUpstream: false,
    isLiteral,
    conflicts: conflicts.map(({ path, kind }) => ({ path, kind })),
    survivingShare: { agent: forAgent.survivingShare, upstream: forUpstream.survivingShare },
    mergeMs,
  }
}

/**
 * Whether a decided tree holds no marker at the paths that conflicted, and its Python files there parse where upstream's
 * and the agent's do: some of a parser's own tests never parsed, nor does the language's version 2.
 */
async function isWorkable(
  repository: GitRepository,
  decided: string,
  { conflicts, sides }: { conflicts: readonly { path: string }[]; sides: readonly string[] },
): Promise<boolean> {
  const mustParse: string[][] = []
  for (const { path } of conflicts) {
    const text = await readText(decided, path)
    if (text === null) continue
    if (hasMarker(text)) return false
    if (!/\.pyi?$/.test(path)) continue
    const own = await Promise.all(sides.map((tree) => readText(tree, path)))
    mustParse.push([text, ...own.filter((side) => side !== null)])
  }
  const parsed = await parsePython(mustParse.flat())
  return mustParse.every((texts) => {
    const [isParsed, ...others] = parsed.splice(0, texts.length)
    return isParsed || others.includes(false)
  })

  async function readText(tree: string, path: string): Promise<string | null> {
    return (await repository.readFile(tree, path))?.toString('latin1') ?? null
  }
}

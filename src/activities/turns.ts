import type { Turn } from '../agent/loop.ts'
import { rebaseRound, recordKey, splitRound, type RoundId } from '../domain/identifiers.ts'
import type { Rebase, RebaseCheck } from '../formats/carryOver.ts'
import type { StageResult, Verdict } from '../formats/rollout.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'

/** The user messages of a rollout up to a round: each rebase round's, each stage's opening, each refused round's feedback. */
export async function turnsUpTo(ports: Ports, context: RolloutContext, stage: number, last: RoundId): Promise<Turn[]> {
  const turns: Turn[] = []
  const until = splitRound(last)
  for (let s = 0; s <= stage; s++) {
    await addRebase(s, s === stage && until.phase === 'rebase' ? until.round : Number.POSITIVE_INFINITY)
    if (s === stage && until.phase === 'rebase') break
    const result = await ports.store.getRecord<StageResult>(recordKey.stageResult(context.id, s))
    const rounds = s === stage ? until.round + 1 : (result?.rounds ?? 1)
    turns.push({ stage: s, round: 0, text: (await context.state(s)).opening })
    for (let r = 1; r < rounds; r++) {
      const refused = await ports.store.getRecord<Verdict>(recordKey.round(context.id, s, r - 1, 'verdict'))
      turns.push({ stage: s, round: r, text: refused!.feedback })
    }
  }
  return turns

  async function addRebase(s: number, most: number): Promise<void> {
    const rebase = await ports.store.getRecord<Rebase>(recordKey.rebase(context.id, s))
    if (!rebase) return
    turns.push({ stage: s, round: rebaseRound(0), text: rebase.opening })
    for (let n = 1; n <= most; n++) {
      const key = recordKey.round(context.id, s, rebaseRound(n - 1), 'rebase-check')
      const check = await ports.store.getRecord<RebaseCheck>(key)
      if (!check || check.isDone) return
      turns.push({ stage: s, round: rebaseRound(n), text: check.feedback })
    }
  }
}

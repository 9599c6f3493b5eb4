import type { StageResult } from '../formats/rollout.ts'

/** What the loss of sandboxes and scaffolds cost, each in a few words; none when it cost nothing. */
export function describeLosses({
  rerunCommands,
  abandonedCalls,
}: Pick<StageResult, 'rerunCommands' | 'abandonedCalls'>): string[] {
  return [
    ...(rerunCommands > 0 ? [`up to ${rerunCommands} command(s) ran again`] : []),
    ...(abandonedCalls > 0 ? [`${abandonedCalls} model call(s) on abandoned branches`] : []),
  ]
}

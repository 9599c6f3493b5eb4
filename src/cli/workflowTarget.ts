import { workflowId } from '../domain/identifiers.ts'
import { campaignName } from '../formats/campaign.ts'
import { InputError } from './terminal.ts'

/** What a word on the command line names, and its workflow's id. */
export type WorkflowTarget =
  | { kind: 'campaign'; name: string; workflow: string }
  | { kind: 'chain'; rollout: string; workflow: string }
  | { kind: 'mining'; workflow: string }

const ROLLOUT = /^(?:chain\/)?([A-Za-z0-9._-]+\/[A-Za-z0-9._-]+\/\d+)$/
const MINING = /^mine\/[A-Za-z0-9-]+\/[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)?$/

/**
 * Reads what a user may type for a workflow: `CAMPAIGN`, `CAMPAIGN/CHAIN/N`, or a workflow id as the Temporal UI shows
 * it (`campaign/…`, `chain/…`, `mine/…`). Throws {@link InputError}.
 */
export function readWorkflowTarget(text: string): WorkflowTarget {
  if (MINING.test(text)) return { kind: 'mining', workflow: text }
  const rollout = readRollout(text)
  if (rollout !== null) return { kind: 'chain', rollout, workflow: workflowId.chain(rollout) }
  const name = text.replace(/^campaign\//, '')
  if (campaignName.safeParse(name).success) return { kind: 'campaign', name, workflow: workflowId.campaign(name) }
  throw new InputError(
    `"${text}" names no workflow: expected CAMPAIGN, CAMPAIGN/CHAIN/N, or a workflow id such as chain/CAMPAIGN/CHAIN/N; \`prchain status\` lists the campaigns`,
  )
}

/** The rollout that `CAMPAIGN/CHAIN/N` or `chain/CAMPAIGN/CHAIN/N` names; null for anything else. */
export function readRollout(text: string): string | null {
  return ROLLOUT.exec(text)?.[1] ?? null
}

/** The task queue of workflows and activities. */
export const TASK_QUEUE = 'prchain'

/** A chain's id when it is given none: `owner__name.1150-1234-1305`. */
export function chainId(repository: string, numbers: readonly number[]): string {
  return `${repositoryFolder(repository)}.${numbers.join('-')}`
}

/** A repository's name as one path segment: `owner__name`. */
export function repositoryFolder(repository: string): string {
  return repository.replace('/', '__')
}

/** A rollout's id: campaign, chain and the rollout's number, which counts from 1. */
export function rolloutId(campaign: string, chain: string, n: number): string {
  return `${campaign}/${chain}/${n}`
}

/** Workflow ids. What a user types and what the Temporal UI lists. */
export const workflowId = {
  campaign: (name: string) => `campaign/${name}`,
  chain: (rollout: string) => `chain/${rollout}`,
  mine: (repository: string) => `mine/${repository}`,
  resumeFailedChains: 'resume-failed-chains',
} as const

/** The id of the Temporal Schedule that runs `resumeFailedChains`. */
export const RESUME_SCHEDULE = 'resume-failed-chains'

/** Keys of records in the store. Segments stay within the store's alphabet; stages and rounds count from 0. */
export const recordKey = {
  chain: (id: string) => `chains/${id}`,
  chains: 'chains',
  mining: (repository: string, n: number) => `minings/${repositoryFolder(repository)}/${pad(n)}`,
  minings: (repository: string) => `minings/${repositoryFolder(repository)}`,
  gathered: (repository: string, n: number, number: number) =>
    `gathered/${repositoryFolder(repository)}/${n}/${number}`,
  gatheredIn: (repository: string, n: number) => `gathered/${repositoryFolder(repository)}/${n}`,
  environmentResult: (chain: string, stage: number, digest: string) => `environments/${chain}/${stage}/${digest}`,
  campaign: (name: string) => `campaigns/${name}/campaign`,
  campaignPlan: (name: string) => `campaigns/${name}/plan`,
  campaigns: 'campaigns',
  queries: (rollout: string) => `rollouts/${rollout}/queries`,
  stageState: (rollout: string, stage: number) => `${stagePrefix(rollout, stage)}/state`,
  stageResult: (rollout: string, stage: number) => `${stagePrefix(rollout, stage)}/result`,
  stages: (rollout: string) => `rollouts/${rollout}/stages`,
  stage: (rollout: string, stage: number) => stagePrefix(rollout, stage),
  life: (rollout: string, stage: number, n: number) => `${stagePrefix(rollout, stage)}/lives/${pad(n)}`,
  lives: (rollout: string, stage: number) => `${stagePrefix(rollout, stage)}/lives`,
  fence: (rollout: string, epoch: number) => `rollouts/${rollout}/fence/${pad(epoch)}`,
  fences: (rollout: string) => `rollouts/${rollout}/fence`,
  call: (key: string) => `rollouts/${key}`,
  round: (rollout: string, stage: number, round: number, what: 'capture' | 'tests' | 'verdict' | 'end') =>
    `${stagePrefix(rollout, stage)}/${round}/${what}`,
  rollout: (rollout: string) => `rollouts/${rollout}/end`,
  rollouts: (campaign: string) => `rollouts/${campaign}`,
  sample: (rollout: string) => `rollouts/${rollout}/sample`,
} as const

/** The key of a model call or command of the agent: rollout, stage, round, what, and where in the round. */
export function callKey(rollout: string, stage: number, round: number, ordinal: number): string {
  return `${rollout}/stages/${stage}/${round}/calls/${pad(ordinal)}`
}

/** The key of a model call outside a round: the overview, a sub-query. */
export function planCallKey(rollout: string, what: string, ordinal: number): string {
  return `${rollout}/plan/${what}/${pad(ordinal)}`
}

/** The key of a judge's call. */
export function judgeCallKey(rollout: string, stage: number, round: number, ordinal: number): string {
  return `${rollout}/stages/${stage}/${round}/judge/${pad(ordinal)}`
}

/** The key of one command: its model call's place, the tool call's index, and the command's index in that tool call. */
export function commandKey(
  rollout: string,
  stage: number,
  round: number,
  ordinal: number,
  call: number,
  index: number,
): string {
  return `${rollout}/stages/${stage}/${round}/commands/${pad(ordinal)}.${call}.${index}`
}

/** Splits a rollout's id. */
export function splitRollout(rollout: string): { campaign: string; chain: string; n: number } {
  const [campaign = '', chain = '', n = ''] = rollout.split('/')
  return { campaign, chain, n: Number(n) }
}

function stagePrefix(rollout: string, stage: number): string {
  return `rollouts/${rollout}/stages/${stage}`
}

function pad(n: number): string {
  return String(n).padStart(6, '0')
}

/** The task queue of workflows and activities. */
export const TASK_QUEUE = 'prchain'

/** The task queue of the workers that reach the sandboxes of one host and engine: what a sandbox's place is called. */
export function hostTaskQueue(place: string): string {
  return `${TASK_QUEUE}.${place}`
}

const LONGEST_CHAIN_ID = 120

/**
 * A chain's id when it is given none: `owner__name.1150-1234-1305`, or `owner__name.temporal.12-13` for one that no links
 * made. Where that is too long, the first number, the last, how many there are, and a digest of all.
 */
export function chainId(
  repository: string,
  numbers: readonly number[],
  mode: 'semantic' | 'temporal' | 'single' | 'given' = 'given',
): string {
  const prefix = `${repositoryFolder(repository)}.${mode === 'temporal' || mode === 'single' ? `${mode}.` : ''}`
  const whole = `${prefix}${numbers.join('-')}`
  if (whole.length <= LONGEST_CHAIN_ID) return whole
  return `${prefix}${numbers[0]}-${numbers.at(-1)}.${numbers.length}.${digestOfNumbers(numbers)}`
}

/** FNV-1a over the numbers as text: identifiers are made in workflows too, where no other digest is. */
function digestOfNumbers(numbers: readonly number[]): string {
  let digest = 0x811c9dc5
  for (const character of numbers.join('-')) digest = Math.imul(digest ^ character.charCodeAt(0), 0x01000193) >>> 0
  return digest.toString(16).padStart(8, '0')
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

/**
 * A round within its stage: 0, then the refinements; before them, where carry-over conflicted, the tries of the rebase
 * round. Also a segment of keys.
 */
export type RoundId = number | `rebase-${number}`

/** The id of a try of a stage's rebase round, counted from 0. */
export function rebaseRound(n: number): RoundId {
  return `rebase-${n}`
}

/** A round's segment of a key as its id. */
export function readRound(segment: string): RoundId {
  return /^\d+$/.test(segment) ? Number(segment) : (segment as RoundId)
}

/** A part of a stage with a sandbox of its own: the rebase round, where carry-over conflicted, and the work on the request. */
export type Phase = 'rebase' | 'work'

/** A round's id as a phase and a number. */
export function splitRound(round: RoundId): { phase: Phase; round: number } {
  return typeof round === 'number'
    ? { phase: 'work', round }
    : { phase: 'rebase', round: Number(round.slice('rebase-'.length)) }
}

/** Keys of records in the store. Segments stay within the store's alphabet; stages and rounds count from 0. */
export const recordKey = {
  chain: (id: string) => `chains/${id}`,
  chains: 'chains',
  allMinings: 'minings',
  mining: (repository: string, n: number) => `minings/${repositoryFolder(repository)}/${pad(n)}`,
  miningClaim: (repository: string, n: number) => `mining-claims/${repositoryFolder(repository)}/${pad(n)}`,
  minings: (repository: string) => `minings/${repositoryFolder(repository)}`,
  gitEvidence: (repository: string, n: number) => `git-evidence/${repositoryFolder(repository)}/${pad(n)}`,
  gitEvidences: (repository: string) => `git-evidence/${repositoryFolder(repository)}`,
  page: (repository: string, list: string, n: number) => `pages/${repositoryFolder(repository)}/${list}/${pad(n)}`,
  linkJudge: (calls: string) => `rollouts/${calls}/judge`,
  pages: (repository: string, list: string) => `pages/${repositoryFolder(repository)}/${list}`,
  gatherings: (repository: string) => `gatherings/${repositoryFolder(repository)}`,
  gathering: (repository: string, n: number) => `gatherings/${repositoryFolder(repository)}/${pad(n)}`,
  environmentResult: (chain: string, stage: number, digest: string) => `environments/${chain}/${stage}/${digest}`,
  campaign: (name: string) => `campaigns/${name}/campaign`,
  campaignPlan: (name: string) => `campaigns/${name}/plan`,
  campaigns: 'campaigns',
  queries: (rollout: string) => `rollouts/${rollout}/queries`,
  stageState: (rollout: string, stage: number) => `${stagePrefix(rollout, stage)}/state`,
  rebase: (rollout: string, stage: number) => `${stagePrefix(rollout, stage)}/rebase`,
  stageEnvironment: (rollout: string, stage: number) => `${stagePrefix(rollout, stage)}/environment`,
  checkpoint: (rollout: string, stage: number, phase: Phase, n: number) =>
    `${stagePrefix(rollout, stage)}/${ofPhase(phase, 'checkpoints')}/${pad(n)}`,
  checkpoints: (rollout: string, stage: number, phase: Phase) =>
    `${stagePrefix(rollout, stage)}/${ofPhase(phase, 'checkpoints')}`,
  stageResult: (rollout: string, stage: number) => `${stagePrefix(rollout, stage)}/result`,
  stages: (rollout: string) => `rollouts/${rollout}/stages`,
  stage: (rollout: string, stage: number) => stagePrefix(rollout, stage),
  life: (rollout: string, stage: number, phase: Phase, n: number) =>
    `${stagePrefix(rollout, stage)}/${ofPhase(phase, 'lives')}/${pad(n)}`,
  lives: (rollout: string, stage: number, phase: Phase) => `${stagePrefix(rollout, stage)}/${ofPhase(phase, 'lives')}`,
  fence: (rollout: string, epoch: number) => `rollouts/${rollout}/fence/${pad(epoch)}`,
  fences: (rollout: string) => `rollouts/${rollout}/fence`,
  call: (key: string) => `rollouts/${key}`,
  commands: (rollout: string, stage: number, round: RoundId) => `${stagePrefix(rollout, stage)}/${round}/commands`,
  round: (
    rollout: string,
    stage: number,
    round: RoundId,
    what: 'capture' | 'tests' | 'verdict' | 'end' | 'rebase-check',
  ) => `${stagePrefix(rollout, stage)}/${round}/${what}`,
  gateway: 'gateway',
  grant: (tokenDigest: string) => `grants/${tokenDigest}`,
  revocation: (tokenDigest: string) => `revocations/${tokenDigest}`,
  exchange: (key: string) => `rollouts/${key}`,
  launch: (rollout: string, stage: number, round: RoundId, n: number) =>
    `${stagePrefix(rollout, stage)}/${round}/launches/${pad(n)}`,
  launches: (rollout: string, stage: number, round: RoundId) => `${stagePrefix(rollout, stage)}/${round}/launches`,
  answers: (rollout: string, stage: number, round: RoundId, launch: number) =>
    `${stagePrefix(rollout, stage)}/${round}/answers/${pad(launch)}`,
  answer: (rollout: string, stage: number, round: RoundId, launch: number, n: number) =>
    `${stagePrefix(rollout, stage)}/${round}/answers/${pad(launch)}/${pad(n)}`,
  abandonment: (rollout: string, stage: number, round: RoundId, launch: number) =>
    `${stagePrefix(rollout, stage)}/${round}/abandonments/${pad(launch)}`,
  abandonments: (rollout: string, stage: number, round: RoundId) =>
    `${stagePrefix(rollout, stage)}/${round}/abandonments`,
  exchanges: (rollout: string, stage: number, round: RoundId) => `${stagePrefix(rollout, stage)}/${round}/exchanges`,
  halt: (rollout: string, stage: number, round: RoundId, launch: number) =>
    `${stagePrefix(rollout, stage)}/${round}/halts/${pad(launch)}`,
  hold: (rollout: string, stage: number, round: RoundId, launch: number, n: number) =>
    `${stagePrefix(rollout, stage)}/${round}/holds/${pad(launch)}/${pad(n)}`,
  ceilings: (campaign: string, n: number) => `ceilings/campaigns/${campaign}/${pad(n)}`,
  dayCeiling: (n: number) => `ceilings/day/${pad(n)}`,
  campaignAccount: (campaign: string, n: number) => `accounts/campaigns/${campaign}/${pad(n)}`,
  chainAccount: (rollout: string, n: number) => `accounts/chains/${rollout}/${pad(n)}`,
  dayAccount: (day: string, n: number) => `accounts/days/${day}/${pad(n)}`,
  pace: (provider: string, n: number) => `paces/${provider}/${pad(n)}`,
  rollout: (rollout: string) => `rollouts/${rollout}/end`,
  rollouts: (campaign: string) => `rollouts/${campaign}`,
  sample: (rollout: string) => `rollouts/${rollout}/sample`,
  imported: (id: string) => `imports/${id}`,
} as const

/** The key of a model call or command of the agent: rollout, stage, round, what, and where in the round. */
export function callKey(rollout: string, stage: number, round: RoundId, ordinal: number): string {
  return `${rollout}/stages/${stage}/${round}/calls/${pad(ordinal)}`
}

/** The key of a scaffold's model call: the digest of its canonical request, and which of the equal ones it is. */
export function exchangeKey(rollout: string, stage: number, round: RoundId, digest: string, n: number): string {
  return `${rollout}/stages/${stage}/${round}/exchanges/${digest.replace('sha256:', '').slice(0, 32)}-${n}`
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
  round: RoundId,
  ordinal: number,
  call: number,
  index: number,
): string {
  return `${rollout}/stages/${stage}/${round}/commands/${pad(ordinal)}.${call}.${index}`
}

/** The place that a command's key names: its model call's ordinal, and the tool call's index. */
export function readCommandPlace(key: string): { ordinal: number; call: number } {
  const [ordinal, call] = key.slice(key.lastIndexOf('/') + 1).split('.')
  return { ordinal: Number(ordinal), call: Number(call) }
}

/** In the place of a campaign's name where no campaign asks: no campaign can be called this. */
export const MININGS = '_minings'

/** What a mining's model calls are kept and paid under, in the place of a rollout's id. */
export function miningCalls(repository: string, n: number): string {
  return `${MININGS}/${repositoryFolder(repository)}/${n}`
}

/** The key of a call that judges the link `from` → `to` of a mining. */
export function linkJudgeCallKey(calls: string, { from, to }: { from: number; to: number }, ordinal: number): string {
  return `${calls}/judge/${from}-${to}/${pad(ordinal)}`
}

/** Splits a rollout's id. */
export function splitRollout(rollout: string): { campaign: string; chain: string; n: number } {
  const [campaign = '', chain = '', n = ''] = rollout.split('/')
  return { campaign, chain, n: Number(n) }
}

function stagePrefix(rollout: string, stage: number): string {
  return `rollouts/${rollout}/stages/${stage}`
}

function ofPhase(phase: Phase, what: string): string {
  return phase === 'work' ? what : `${phase}-${what}`
}

function pad(n: number): string {
  return String(n).padStart(6, '0')
}

// The settings that each kind of command takes as flags.

/** What a command needs to find the store and the server. */
export const CONNECTION = ['store', 'temporalAddress', 'temporalNamespace'] as const

/** The same, of one that brings its own server. */
export const OWN_SERVER = ['store', 'temporalNamespace'] as const

/** The server that a command brings, and its scripted model. */
export const SERVERS = [
  'temporalCli',
  'temporalPort',
  'temporalUiPort',
  'resumeEveryMs',
  'scriptedSettings',
  'seed',
] as const

/** How images of environments are built. */
export const ENVIRONMENTS = ['environmentBase', 'environmentNetwork', 'environmentCertificates'] as const

/** Where the gateway is reached. */
export const REACH = ['gatewaySocket', 'gatewayReach', 'gatewayPort', 'dockerHost'] as const

/** What a gateway is told. */
export const GATEWAY = ['modelTimeoutMs', 'modelTries', 'modelRetryMs', 'modelRpm', 'modelTpm', ...REACH] as const

/** What a worker is told. */
export const WORKER = [
  'workerActivities',
  'githubRpm',
  'sliceSteps',
  'sliceMs',
  ...GATEWAY,
  'modelStream',
  'sandboxMemoryMb',
  'sandboxCpus',
  'sandboxPids',
  'sandboxDiskMb',
  'sandboxStarts',
  ...ENVIRONMENTS,
  'checkpointMs',
  'rerunMs',
  'siiCliPath',
] as const

/** What may be spent. */
export const CEILINGS = ['budgetUsd', 'budgetTokens', 'budgetUsdChain', 'budgetUsdStage', 'budgetUsdDay'] as const

/** What a campaign is told of its rollouts. */
export const ROLLOUT = [
  'campaign',
  'scaffold',
  'siiCliPath',
  'model',
  'judgeModel',
  'queryModel',
  'rollouts',
  'concurrency',
  'carry',
  'onConflict',
  'accept',
  'threshold',
  'refinements',
  'overview',
  'interface',
  'maxSteps',
  'maxStageSteps',
  'maxStageTokens',
  'maxChainSteps',
  'maxChainTokens',
  'contextTokens',
  'environment',
  'sandbox',
  'dockerHost',
  'mirrors',
  'prices',
  ...CEILINGS,
  'preset',
  'seed',
] as const

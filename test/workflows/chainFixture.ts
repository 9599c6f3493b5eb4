import { fileURLToPath } from 'node:url'
import { ApplicationFailure } from '@temporalio/activity'
import { TestWorkflowEnvironment } from '@temporalio/testing'
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker'
import type { Activities } from '../../src/activities/activities.ts'
import { TASK_QUEUE } from '../../src/domain/identifiers.ts'
import { SEARCH_ATTRIBUTES } from '../../temporal/searchAttributes.ts'

/** Activities of a rollout of two stages that are accepted at once; each test replaces what it is about. */
export function playableActivities(replaced: Partial<Activities> = {}): Activities & { calls: string[] } {
  const calls: string[] = []
  const acts: Activities = {
    planRollout: async () => ({
      stages: [
        { number: 11, title: 'add a thing' },
        { number: 12, title: 'mend the thing' },
      ],
      refinements: 3,
      repository: 'acme/tool',
      chain: 'acme__tool.11-12',
      scaffold: 'native',
      isScripted: true,
      accepted: [],
    }),
    prepareStage: async () => ({
      status: 'ready',
      hasEnvironment: true,
      brokenByCarryOver: 0,
      reason: null,
      place: '',
    }),
    runSlice: async () => ({ status: 'ended', ending: 'submitted', steps: 5, place: null }),
    captureRound: async () => ({ files: 1, patchBytes: 100 }),
    checkRebase: async () => ({ isDone: true, markers: 0, broken: 0 }),
    testRound: async () => ({ stillFailing: 0, broken: 0, failToPass: 2 }),
    judgeRound: async () => ({ isAccepted: true, score: 0.9, rule: 'hybrid' }),
    endStage: async () => {},
    endRollout: async ({ ending }) => ({ ending, stagesAccepted: 2, rounds: 2, steps: 10, hasSample: true }),
    beginMining: async () => ({ mining: 0, gathering: 0, gathered: null }),
    refreshMirror: async () => ({ isFetched: true }),
    fetchPages: async () => ({ kind: 'done', pages: 4, pagesLeft: 0, hasToken: true, quota: null, list: 'threads' }),
    gatherPulls: async () => ({ gathering: 0, pullRequests: 7, issues: 3, lacks: [] }),
    linkChains: async () => ({ references: 3, outdatedCount: 0, chainCount: 1, chains: ['acme__tool.11-12'] }),
    readCampaign: async () => ({ repositories: ['acme/tool'], mirrors: null, concurrency: 2 }),
    planCampaign: async () => ({ pullRequests: 7, references: 3, chains: 1, stages: 2, rollouts: 1 }),
    listRollouts: async ({ name, from, count }) => ({
      rollouts: [{ rollout: `${name}/acme__tool.11-12/1`, epoch: 0 }].slice(from, from + count),
    }),
    lookUpChain: async () => ({ status: 'open' }),
    writeSamples: async () => ({ path: 'samples.jsonl', samples: 1 }),
    restartFailedChains: async () => ({ restarted: [], givenUp: [] }),
    ...replaced,
  }
  const counted = Object.fromEntries(
    Object.entries(acts).map(([name, act]) => [
      name,
      (input: never) => {
        calls.push(name)
        return (act as (given: never) => unknown)(input)
      },
    ]),
  ) as unknown as Activities
  return { ...counted, calls }
}

/** A failure as the activities' edge throws it. */
export function failure(type: string, message = `${type} happened`): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: true })
}

/** A time-skipping Temporal server with prchain's search attributes, and a worker maker over it. */
export async function openTimeSkipping(executable: string): Promise<{
  env: TestWorkflowEnvironment
  withWorker: <T>(acts: Activities, run: () => Promise<T>) => Promise<T>
  close(): Promise<void>
}> {
  Runtime.install({ logger: new DefaultLogger('ERROR') })
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: executable } },
  })
  // The test server cannot list search attributes, as registerSearchAttributes does; it can add them.
  const numbers = { KEYWORD: 2, INT: 3, DOUBLE: 4, BOOL: 5 } as const
  await env.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: Object.fromEntries(SEARCH_ATTRIBUTES.map(({ name, type }) => [name, numbers[type]])),
  })
  const bundle: WorkflowBundle = await bundleWorkflows()
  return {
    env,
    async withWorker(acts, run) {
      const worker = await Worker.create({
        connection: env.nativeConnection,
        taskQueue: TASK_QUEUE,
        workflowBundle: bundle,
        activities: acts,
      })
      return worker.runUntil(run())
    },
    close: () => env.teardown(),
  }
}

/** The workflow code as the worker runs it. */
export function bundleWorkflows(): Promise<WorkflowBundle> {
  const workflowsPath = fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url))
  return bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') })
}

import { planCallKey, recordKey } from '../domain/identifiers.ts'
import { deriveInterface, introducedNames, wordsOf } from '../domain/interface.ts'
import { findLeaks, maskLeaks, type Secret } from '../domain/leak.ts'
import { addedLines } from '../domain/patch.ts'
import { readOverview, readQuery, renderPull } from '../domain/query.ts'
import type { Stage } from '../formats/chain.ts'
import type { Message } from '../formats/chat.ts'
import { pullRequest, type PullRequest } from '../formats/pullRequest.ts'
import type { Queries, StageInterface } from '../formats/rollout.ts'
import type { Fence } from '../record/fence.ts'
import { InvalidInputError, ReplyUnreadableError, type RolloutInput, type Scope } from './edge.ts'
import type { Ports } from './ports.ts'
import { openRollout, requireModel, type RolloutContext } from './rolloutContext.ts'

const TRIES_FOR_FORM = 3
const REWRITES_FOR_LEAKS = 2
const LONGEST_PATCH = 120_000

/** What the workflow needs of the plan. */
export interface Plan {
  stages: { number: number; title: string }[]
  refinements: number
  repository: string
  chain: string
  scaffold: string
  isScripted: boolean
  /** Stages that are already accepted: the rollout goes on after them. */
  accepted: { rounds: number; score: number | null }[]
}

interface Writing {
  ports: Ports
  context: RolloutContext
  scope: Scope & { fence: Fence }
}

/** Writes overview and sub-queries, once for a rollout, and says where a restarted rollout goes on. (The paper's step B.) */
export async function planRollout(ports: Ports, input: RolloutInput, scope: Scope & { fence: Fence }): Promise<Plan> {
  const context = await openRollout(ports, input.rollout)
  const { store } = ports
  requireModel(ports, context)
  await requireWholeMirror(context)
  if (!(await store.getRecord<Queries>(recordKey.queries(context.id)))) {
    const queries = await writeQueries({ ports, context, scope })
    await scope.fence.check()
    await store.putRecord(recordKey.queries(context.id), queries)
  }

  const accepted: Plan['accepted'] = []
  for (const index of context.chain.stages.keys()) {
    const result = await context.result(index)
    if (!result?.isAccepted) break
    accepted.push({ rounds: result.rounds, score: result.score })
  }
  return {
    stages: context.chain.stages.map(({ number, title }) => ({ number, title })),
    refinements: context.settings.refinements,
    repository: context.chain.repository,
    chain: context.chain.id,
    scaffold: context.settings.scaffold,
    isScripted: ports.model.isScripted,
    accepted,
  }
}

/** An incomplete mirror is noticed before anything is paid for: a partial clone, or one that lacks large files. */
async function requireWholeMirror({ repository, chain }: RolloutContext): Promise<void> {
  for (const { number, baseSha, resultSha } of chain.stages) {
    for (const sha of [baseSha, resultSha]) {
      const missing = await repository.missingObjects(sha)
      if (missing.length === 0) continue
      throw new InvalidInputError(
        `the mirror of ${chain.repository} is incomplete: commit ${sha} of pull request ${number} lacks ${missing.length} object(s), such as ${missing[0]}; fetch it whole, without a filter`,
      )
    }
  }
}

async function writeQueries(writing: Writing): Promise<Queries> {
  const { ports, context, scope } = writing
  const { stages } = context.chain
  const pulls = await Promise.all(stages.map((stage) => readPull(ports, stage)))
  const drafts: { demanded: StageInterface; secret: Secret }[] = []
  for (const stage of stages) drafts.push(await studyPatch(ports, context, stage))

  const rendered = pulls.map((pull, index) => renderPull(pull, { index, count: pulls.length }))
  scope.report({ writing: 'overview' })
  const allSecrets: Secret = {
    names: drafts.flatMap((draft) => draft.secret.names),
    lines: drafts.flatMap((draft) => draft.secret.lines),
  }
  const overview = await write(writing, {
    what: 'overview',
    stage: -1,
    secret: allSecrets,
    prompt: () => ports.prompts.fill('overview', { pulls: rendered.join('\n\n') }),
    read: readOverview,
  })

  const written: Queries['stages'] = []
  for (const [index, stage] of stages.entries()) {
    scope.report({ writing: `query ${index + 1} of ${stages.length}` })
    const patch = (await ports.store.getBlob(stage.patch)).toString('utf8').slice(0, LONGEST_PATCH)
    const { demanded, secret } = drafts[index]!
    const query = await write(writing, {
      what: `query-${index}`,
      stage: index,
      secret,
      prompt: (leaks) => ports.prompts.fill('query', { pull: rendered[index]!, patch, leaks }),
      read: readQuery,
    })
    written.push({ number: stage.number, query: query.text, interface: demanded, masked: query.masked })
  }
  return {
    format: 'prchain.queries/1',
    overview: overview.text,
    stages: written,
    prompts: ports.prompts.checksum,
  }
}

/** Asks the writer until its reply has the asked form and gives nothing away; what still does after that is masked. */
async function write(
  { ports, context, scope: { fence, signal, report } }: Writing,
  task: {
    what: string
    stage: number
    secret: Secret
    prompt: (leaks: string) => string
    read: (reply: string) => string | null
  },
): Promise<{ text: string; masked: string[] }> {
  const play = { role: 'writer', chain: context.chain.id, rollout: context.id, stage: task.stage, round: -1 } as const
  const messages: Message[] = [{ role: 'user', content: task.prompt('') }]
  let malformed = 0
  let rewrites = 0
  for (let ordinal = 0; ; ordinal++) {
    const key = planCallKey(context.id, task.what, ordinal)
    const request = { model: context.settings.queryModel, messages: [...messages], seed: context.settings.seed }
    const { reply, isStored } = await ports.complete({
      ...{ key, request, prefix: null, play, fence, signal },
      onUnstored: (unstored) => report({ unstored }),
    })
    const text = task.read(reply.message.content)
    if (text === null) {
      if (!isStored) malformed++
      if (malformed >= TRIES_FOR_FORM) {
        throw new ReplyUnreadableError(
          `the writer's reply to ${key} is not the JSON that was asked for, ${malformed} times over`,
        )
      }
      messages.push(reply.message, {
        role: 'user',
        content: 'That is not the JSON object that was asked for. Answer with it and nothing else.',
      })
      continue
    }
    const leaks = findLeaks(text, task.secret)
    if (leaks.length === 0) return { text, masked: [] }
    if (rewrites++ === REWRITES_FOR_LEAKS)
      return { text: maskLeaks(text, leaks), masked: leaks.map((leak) => leak.text) }
    const given = leaks.map((leak) => `- ${leak.text}`).join('\n')
    messages.push(reply.message, {
      role: 'user',
      content: `This gives the edit away by naming:\n${given}\nWrite it again without these.`,
    })
  }
}

/** What a stage's tests demand, and what its query must not tell. */
async function studyPatch(
  ports: Ports,
  context: RolloutContext,
  stage: Stage,
): Promise<{ demanded: StageInterface; secret: Secret }> {
  const patch = (await ports.store.getBlob(stage.patch)).toString('utf8')
  const addedTestLines = addedLines(patch, { paths: stage.testFiles, isAmong: true })
  const addedSourceLines = addedLines(patch, { paths: stage.testFiles, isAmong: false })
  const knownWords = await context.repository.findWords(stage.baseSha, wordsOf(addedSourceLines))
  const demanded = deriveInterface({ addedTestLines, addedSourceLines, knownWords })
  const given = new Set(context.settings.hasInterface ? demanded.names : [])
  const names = introducedNames(addedSourceLines, knownWords).filter((name) => !given.has(name))
  return { demanded, secret: { names, lines: addedSourceLines } }
}

async function readPull(ports: Ports, stage: Stage): Promise<PullRequest> {
  return pullRequest.parse(JSON.parse((await ports.store.getBlob(stage.pullRequest)).toString('utf8')))
}

/** What feedback on a stage must not tell: the same as its query. */
export async function stageSecret(ports: Ports, context: RolloutContext, stage: number): Promise<Secret> {
  return (await studyPatch(ports, context, context.stage(stage))).secret
}

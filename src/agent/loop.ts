import { digestOfJson } from '../domain/digest.ts'
import { callKey, commandKey, recordKey, splitRound, type RoundId } from '../domain/identifiers.ts'
import { isCircling } from '../domain/repetition.ts'
import { bytesOf, estimateTokens } from '../domain/tokens.ts'
import { addUsage, noUsage } from '../domain/usage.ts'
import type { ChatReply, Message, Usage } from '../formats/chat.ts'
import type { CallRecord, RoundEndRecord } from '../formats/record.ts'
import type { RoundEnding } from '../formats/rollout.ts'
import type { ModelError } from '../model/port.ts'
import type { Call, Complete } from '../record/complete.ts'
import type { Exec } from '../record/exec.ts'
import type { Fence } from '../record/fence.ts'
import type { Sandbox } from '../sandbox/port.ts'
import type { Store } from '../store/port.ts'
import { openConversation, type Draft, type TracedMessage } from './conversation.ts'
import { findSpentLimit, spentOf, type AgentLimits, type Spent } from './limits.ts'
import { playMessage, type PlayedMessage } from './message.ts'
import { observationLimit } from './observation.ts'
import { AGENT_TOOLS } from './tools.ts'

const LONGEST_SILENCE = 3
const MOST_FAULTS = 5
const NO_TOOL_CALL = 'Your last message called no tool. Call one; when the work is done, call `submit`.'
const CUT_OFF = `Your last message was cut off where the longest reply ends. Say less at once. ${NO_TOOL_CALL}`
const CIRCLING =
  'You repeat yourself: the same calls give the same results, again and again. Do something else; when the work is done, call `submit`.'

/** A user message that opens a round, and the round's place. */
export interface Turn {
  stage: number
  round: RoundId
  text: string
}

/** What the loop needs from outside. */
export interface AgentPorts {
  store: Store
  complete: Complete
  exec: Exec
  /** The live sandbox of the last turn's stage; asked only for commands that are not on record. */
  sandbox: () => Promise<Sandbox>
}

/** The frame of a rollout: what stays the same over all its rounds. */
export interface AgentFrame {
  rollout: string
  chain: string
  system: string
  model: string
  seed: number
  limits: AgentLimits
  /** The window that requests are kept within, in tokens. */
  contextTokens: number
  commandTimeoutMs: number
}

/** Where the loop is, for heartbeats and totals. */
export interface Progress {
  stage: number
  round: RoundId
  /** Steps of the current round. */
  step: number
  /** Steps of this call of {@link playTurns} that were not on record. */
  liveSteps: number
  lastTool: string
  usage: Usage
  /** Why the store does not take the reply in hand, while it does not. */
  unstored: string | null
}

/** How a call of {@link playTurns} ended: the last turn's round is over, or the slice is full. */
export type Played =
  | {
      status: 'ended'
      ending: RoundEnding
      steps: number
      /** All that the model saw, and where in it another conversation begins. */
      conversation: TracedMessage[]
      segments: number[]
      usageByStage: Usage[]
      progress: Progress
    }
  | { status: 'paused'; steps: number; progress: Progress }

/**
 * The native agent: plays all turns of a rollout's conversation from its beginning, taking what is on record from the
 * record, and goes on live where that ends. `isPausing` is asked before each live step. A pure function of the turns,
 * the record, the model and the sandbox, so that any worker can go on where another was killed.
 */
export async function playTurns(options: {
  ports: AgentPorts
  frame: AgentFrame
  turns: readonly Turn[]
  fence: Fence
  signal: AbortSignal
  isPausing: (progress: Progress) => boolean
  onProgress: (progress: Progress) => void
}): Promise<Played> {
  const { ports, frame, turns, fence, signal, isPausing, onProgress } = options
  const { rollout, limits } = frame
  const conversation = openConversation(AGENT_TOOLS)
  conversation.push({ stage: 0, round: 0 }, { role: 'system', content: frame.system }, 'frame')
  const progress: Progress = {
    stage: 0,
    round: 0,
    step: 0,
    liveSteps: 0,
    lastTool: '',
    usage: noUsage(),
    unstored: null,
  }
  const usageByStage: Usage[] = []
  const spentByStage: Spent[] = []
  let last: { ending: RoundEnding; steps: number } = { ending: 'submitted', steps: 0 }

  for (const turn of turns) {
    Object.assign(progress, { stage: turn.stage, round: turn.round, step: 0 })
    conversation.push(turn, { role: 'user', content: turn.text }, 'frame')
    const played = await playRound(turn)
    if (played === 'paused') return { status: 'paused', steps: progress.step, progress }
    last = played
  }
  const { messages, segments } = conversation.trace()
  return { status: 'ended', ...last, conversation: messages, segments, usageByStage, progress }

  async function playRound(turn: Turn): Promise<{ ending: RoundEnding; steps: number } | 'paused'> {
    const endKey = recordKey.round(rollout, turn.stage, turn.round, 'end')
    const ended = await ports.store.getRecord<RoundEndRecord>(endKey)
    const seen = { formatErrors: 0, circles: 0 }
    let silence = 0
    let faults = 0
    let steps: string[] = []
    for (let step = 0; ; step++) {
      progress.step = step
      if (ended && step === ended.steps) return ended
      const spent = findSpentLimit(limits, {
        roundSteps: step,
        stage: spentOf([spentByStage[turn.stage]]),
        chain: spentOf(spentByStage),
      })
      if (spent) return end(spent, step)
      if (silence >= LONGEST_SILENCE) return end('no-tool-call', step)
      if (faults >= MOST_FAULTS) return end('format-errors', step)
      if (seen.circles > 1) return end('loop', step)
      if (!ended && isPausing(progress)) return 'paused'
      const reply = await think(turn, step)
      if (reply === 'context-exceeded') return end('context-exceeded', step)
      const played = await act(turn, step, reply)
      const isSilent = played.called === 0
      const isFaulty = played.called === played.faults
      seen.formatErrors += isSilent ? 1 : played.faults
      if (played.hasSubmitted) return end('submitted', step + 1)

      silence = isSilent ? silence + 1 : 0
      faults = isFaulty ? faults + 1 : 0
      steps = isFaulty ? [] : [...steps, digestOfJson(played.outcomes)]
      if (isSilent) tell(turn, reply.finishReason === 'length' ? CUT_OFF : NO_TOOL_CALL)
      else if (isCircling(steps)) {
        seen.circles++
        steps = []
        if (seen.circles === 1) tell(turn, CIRCLING)
      }
      onProgress(progress)
    }

    async function end(ending: RoundEnding, steps: number) {
      await fence.check()
      const record: RoundEndRecord = { format: 'prchain.round-end/1', ending, steps, ...seen }
      return (await ports.store.putRecord(endKey, record)).value
    }
  }

  function tell(turn: Turn, text: string): void {
    conversation.push(turn, { role: 'user', content: text }, 'step')
  }

  /** What was left out of a recorded call's request is told by its record, so that no other rule can change it afterwards. */
  async function think(turn: Turn, step: number): Promise<ChatReply | 'context-exceeded'> {
    const key = callKey(rollout, turn.stage, turn.round, step)
    const known = await ports.store.getRecord<CallRecord>(recordKey.call(key))
    if (known) return (await ask(turn, { key, known }, conversation.redraft(known.request.elision ?? null)))!
    const draft = conversation.draft(frame.contextTokens)
    if (draft.tokens > frame.contextTokens) return 'context-exceeded'
    const reply = await ask(turn, { key, known }, draft)
    if (reply) return reply
    const shorter = conversation.shorten(draft)
    return (shorter && (await ask(turn, { key, known }, shorter))) ?? 'context-exceeded'
  }

  /** Null when the provider says that the request is too long. */
  async function ask(turn: Turn, at: Pick<Call, 'key' | 'known'>, draft: Draft): Promise<ChatReply | null> {
    const { stage } = turn
    const { messages, elision } = draft
    const request = { model: frame.model, messages, tools: AGENT_TOOLS, seed: frame.seed }
    const play = { role: 'agent', chain: frame.chain, rollout, stage, ...splitRound(turn.round) } as const
    const onUnstored = (why: string) => {
      progress.unstored = why
      onProgress(progress)
    }
    const call: Call = { ...at, request, prefix: conversation.prefix(), elision, play, fence, signal, onUnstored }
    const answer = await ports.complete(call).catch((error: ModelError) => {
      if (error.name === 'ModelError' && error.kind === 'context') return null
      throw error
    })
    if (!answer) return null
    if (progress.unstored !== null) {
      progress.unstored = null
      onProgress(progress)
    }
    const { reply, isStored } = answer
    const { usage } = reply
    conversation.commit(draft, { key: at.key, usage })
    conversation.push(turn, reply.message, 'step')
    if (!isStored) progress.liveSteps++
    progress.usage = addUsage(progress.usage, usage)
    usageByStage[stage] = addUsage(usageByStage[stage] ?? noUsage(), usage)
    const counted = usage.promptTokens + usage.completionTokens
    const tokens = counted > 0 ? counted : draft.tokens + estimateTokens(bytesOf(reply.message), null)
    spentByStage[stage] = spentOf([spentByStage[stage], { steps: 1, tokens }])
    return reply
  }

  async function act(turn: Turn, step: number, { message }: ChatReply): Promise<PlayedMessage> {
    return playMessage(message, {
      name: `${turn.stage}-${turn.round}-${step}`,
      limit: observationLimit(frame.contextTokens),
      timeoutMs: frame.commandTimeoutMs,
      onCall: (name) => (progress.lastTool = name),
      answer: (answer: Message) => conversation.push(turn, answer, 'step'),
      run: async (index, n, command) => {
        const key = commandKey(rollout, turn.stage, turn.round, step, index, n)
        const done = await ports.exec({ key, command, sandbox: ports.sandbox, fence, signal })
        const { exitCode, isTimedOut, sizeBytes, leftRunning } = done.record.outcome
        return { exitCode, isTimedOut, sizeBytes, leftRunning, output: done.output, isText: done.isText }
      },
    })
  }
}

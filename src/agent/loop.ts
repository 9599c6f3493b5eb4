import { callKey, commandKey, recordKey, splitRound, type RoundId } from '../domain/identifiers.ts'
import { addUsage, noUsage } from '../domain/usage.ts'
import type { AssistantMessage, ChatRequest, Message, Usage } from '../formats/chat.ts'
import type { RoundEndRecord } from '../formats/record.ts'
import type { RoundEnding } from '../formats/rollout.ts'
import type { ModelError } from '../model/port.ts'
import type { Complete } from '../record/complete.ts'
import type { Exec } from '../record/exec.ts'
import type { Fence } from '../record/fence.ts'
import type { Sandbox } from '../sandbox/port.ts'
import type { Store } from '../store/port.ts'
import { playToolCall } from './toolCalls.ts'
import { AGENT_TOOLS } from './tools.ts'

const LONGEST_SILENCE = 3
const NO_TOOL_CALL = 'Your last message called no tool. Call one; when the work is done, call `submit`.'

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
  maxSteps: number
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
}

/** How a call of {@link playTurns} ended: the last turn's round is over, or the slice is full. */
export type Played =
  | {
      status: 'ended'
      ending: RoundEnding
      steps: number
      conversation: TracedMessage[]
      usageByStage: Usage[]
      progress: Progress
    }
  | { status: 'paused'; steps: number; progress: Progress }

/** A message as the model saw it, with its place. */
export interface TracedMessage {
  stage: number
  round: RoundId
  message: Message
}

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
  const messages: Message[] = [{ role: 'system', content: frame.system }]
  const trace: TracedMessage[] = [{ stage: 0, round: 0, message: messages[0]! }]
  const progress: Progress = {
    stage: 0,
    round: 0,
    step: 0,
    liveSteps: 0,
    lastTool: '',
    usage: noUsage(),
  }
  const usageByStage: Usage[] = []
  let prefix: { key: string; count: number } | null = null
  let last: { ending: RoundEnding; steps: number } = { ending: 'submitted', steps: 0 }

  for (const turn of turns) {
    Object.assign(progress, { stage: turn.stage, round: turn.round, step: 0 })
    push(turn, { role: 'user', content: turn.text })
    const played = await playRound(turn)
    if (played === 'paused') return { status: 'paused', steps: progress.step, progress }
    last = played
  }
  return { status: 'ended', ...last, conversation: trace, usageByStage, progress }

  async function playRound(turn: Turn): Promise<{ ending: RoundEnding; steps: number } | 'paused'> {
    const endKey = recordKey.round(frame.rollout, turn.stage, turn.round, 'end')
    const ended = await ports.store.getRecord<RoundEndRecord>(endKey)
    let silence = 0
    for (let step = 0; ; step++) {
      progress.step = step
      if (ended && step === ended.steps) return ended
      if (step >= frame.maxSteps) return end('step-limit', step)
      if (silence >= LONGEST_SILENCE) return end('no-tool-call', step)
      if (!ended && isPausing(progress)) return 'paused'
      const reply = await think(turn, step)
      if (reply === 'context-exceeded') return end('context-exceeded', step)
      push(turn, reply)
      const calls = reply.tool_calls ?? []
      silence = calls.length === 0 ? silence + 1 : 0
      if (calls.length === 0) push(turn, { role: 'user', content: NO_TOOL_CALL })
      if ((await act(turn, step, calls)) === 'submitted') return end('submitted', step + 1)
      onProgress(progress)
    }

    async function end(ending: RoundEnding, steps: number) {
      await fence.check()
      const { value } = await ports.store.putRecord(endKey, { format: 'prchain.round-end/1', ending, steps })
      return value
    }
  }

  async function think(turn: Turn, step: number): Promise<AssistantMessage | 'context-exceeded'> {
    const key = callKey(frame.rollout, turn.stage, turn.round, step)
    const request: ChatRequest = { model: frame.model, messages: [...messages], tools: AGENT_TOOLS, seed: frame.seed }
    const play = {
      role: 'agent',
      chain: frame.chain,
      rollout: frame.rollout,
      stage: turn.stage,
      ...splitRound(turn.round),
    } as const
    try {
      const { reply, isStored } = await ports.complete({ key, request, prefix, play, fence, signal })
      prefix = { key, count: messages.length }
      if (!isStored) progress.liveSteps++
      progress.usage = addUsage(progress.usage, reply.usage)
      usageByStage[turn.stage] = addUsage(usageByStage[turn.stage] ?? noUsage(), reply.usage)
      return reply.message
    } catch (error) {
      if ((error as ModelError).name === 'ModelError' && (error as ModelError).kind === 'context')
        return 'context-exceeded'
      throw error
    }
  }

  /** Plays the tool calls of one message in order. A submit ends the round; calls after it are answered as not run. */
  async function act(turn: Turn, step: number, calls: NonNullable<AssistantMessage['tool_calls']>) {
    let hasSubmitted = false
    for (const [index, call] of calls.entries()) {
      progress.lastTool = call.function.name
      const outcome = hasSubmitted
        ? ({ kind: 'observation', text: 'Not run: the work was already submitted.' } as const)
        : await playToolCall(call, {
            timeoutMs: frame.commandTimeoutMs,
            run: async (n, command) => {
              const key = commandKey(frame.rollout, turn.stage, turn.round, step, index, n)
              const done = await ports.exec({ key, command, sandbox: ports.sandbox, fence, signal })
              const { exitCode, isTimedOut, sizeBytes, leftRunning } = done.record.outcome
              return { exitCode, isTimedOut, sizeBytes, leftRunning, output: done.output, isText: done.isText }
            },
          })
      if (outcome.kind === 'submitted') hasSubmitted = true
      const text = outcome.kind === 'submitted' ? 'Submitted.' : outcome.text
      push(turn, { role: 'tool', tool_call_id: call.id, content: text })
    }
    return hasSubmitted ? 'submitted' : 'acted'
  }

  function push(turn: Turn, message: Message) {
    messages.push(message)
    trace.push({ stage: turn.stage, round: turn.round, message })
  }
}

import { playTurns, type Played } from '../../src/agent/loop.ts'
import type { Redact } from '../../src/domain/redaction.ts'
import type { AssistantMessage } from '../../src/formats/chat.ts'
import type { ChatModel } from '../../src/model/port.ts'
import { createComplete } from '../../src/record/complete.ts'
import { createExec } from '../../src/record/exec.ts'
import type { Sandbox } from '../../src/sandbox/port.ts'
import type { Store } from '../../src/store/port.ts'
import { openMeter } from '../../test/record/meterFixture.ts'
import { tellStep } from './story.ts'

const redact: Redact = (text) => text

/**
 * The native agent over a store: plays a rollout of so many calls from its beginning. Where `mayAsk` is false all of it
 * must be on record.
 */
export async function playNative(options: {
  store: Store
  calls: number
  charactersPerCall: number
  mayAsk: boolean
}): Promise<Played> {
  const { store, calls, charactersPerCall, mayAsk } = options
  let [asked, ran] = [0, 0]
  const model: ChatModel = {
    isScripted: true,
    async complete() {
      if (!mayAsk) throw new Error('a call is not on record')
      const n = asked++
      const { text, command } = tellStep(n, charactersPerCall)
      const [name, args] = n === calls - 1 ? ['submit', { summary: 'Done.' }] : ['shell', { command }]
      const call = { id: `call-${n}`, type: 'function' as const, function: { name, arguments: JSON.stringify(args) } }
      const message: AssistantMessage = { role: 'assistant', content: text, tool_calls: [call] }
      const usage = { promptTokens: 1, completionTokens: 1, cachedTokens: 0 }
      return { id: `reply-${n}`, model: 'bench', message, finishReason: 'tool_calls', usage }
    },
  }
  /** Prints what the story says: a replay asks no sandbox. */
  const sandbox = {
    name: 'bench',
    life: 'bench',
    async exec() {
      const output = Buffer.from(tellStep(ran++, charactersPerCall).output)
      const at = new Date().toISOString()
      const end = { exitCode: 0, isTimedOut: false, leftRunning: [], startedAt: at, finishedAt: at }
      return { ...end, output, sizeBytes: output.length }
    },
    async forgetOutput() {},
  } as unknown as Sandbox
  return playTurns({
    ports: {
      store,
      complete: createComplete({
        ...{ store, model, redact, meter: openMeter(store) },
        retry: { tries: 1, firstWaitMs: 1, longestWaitMs: 1 },
        wait: async () => {},
      }),
      exec: createExec({ store, redact }),
      async sandbox() {
        if (!mayAsk) throw new Error('a command is not on record')
        return sandbox
      },
    },
    frame: {
      ...{ rollout: 'bench/native/1', chain: 'native', system: 'You are an agent.', model: 'bench', seed: 1 },
      limits: {
        ...{ maxSteps: calls + 1, maxStageSteps: null, maxStageTokens: null },
        ...{ maxChainSteps: null, maxChainTokens: null },
      },
      contextTokens: Number.MAX_SAFE_INTEGER,
      commandTimeoutMs: 60_000,
    },
    turns: [{ stage: 0, round: 0, text: 'Do the work.' }],
    fence: { check: async () => {} },
    signal: new AbortController().signal,
    isPausing: () => false,
    onProgress: () => {},
  })
}

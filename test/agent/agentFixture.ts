import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pack } from 'tar-stream'
import { onTestFinished } from 'vitest'
import { playTurns, type Played, type Progress, type Turn } from '../../src/agent/loop.ts'
import type { AgentLimits } from '../../src/agent/limits.ts'
import { bytesOf, estimateTokens } from '../../src/domain/tokens.ts'
import type { AssistantMessage, ChatReply, ChatRequest } from '../../src/formats/chat.ts'
import { ModelError, type ChatModel } from '../../src/model/port.ts'
import { createComplete } from '../../src/record/complete.ts'
import { createExec } from '../../src/record/exec.ts'
import { createProcessProvider } from '../../src/sandbox/process.ts'
import type { Sandbox } from '../../src/sandbox/port.ts'
import { openMeter } from '../record/meterFixture.ts'
import { createFileStore } from '../../src/store/files.ts'
import type { Store } from '../../src/store/port.ts'

const same = (text: string) => text

/** The rollout that is played. */
export const ROLLOUT = 'camp/chain/1'

/** What a model of a test says: tool calls, words, or an error. */
export type Answer = [tool: string, args: unknown] | [tool: string, args: unknown][] | string | ModelError

/** A model that says what it is told, call by call, or by the step that it is asked for, whoever asks and however often. */
export function scriptModel(
  answers: Answer[] | ((step: number) => Answer),
  options: { windowTokens?: number; finishReason?: string } = {},
): ChatModel & { requests: ChatRequest[] } {
  const requests: ChatRequest[] = []
  return {
    isScripted: true,
    requests,
    async complete(request, { idempotencyKey }): Promise<ChatReply> {
      const step = Number(idempotencyKey.split('/').at(-1))
      const answer = typeof answers === 'function' ? answers(step) : answers[requests.length]
      requests.push(request)
      if (answer === undefined) throw new Error('the script is at its end')
      if (answer instanceof Error) throw answer
      const promptTokens = tokensOf(request)
      if (promptTokens > (options.windowTokens ?? Infinity)) throw new ModelError('context', 'too long')
      const message: AssistantMessage = { role: 'assistant', content: typeof answer === 'string' ? answer : '' }
      if (typeof answer !== 'string') {
        const calls = (Array.isArray(answer[0]) ? answer : [answer]) as [string, unknown][]
        message.tool_calls = calls.map(([name, args], index) => ({
          id: `call-${idempotencyKey.split('/').slice(3).join('-')}-${index}`,
          type: 'function',
          function: { name, arguments: typeof args === 'string' ? args : JSON.stringify(args) },
        }))
      }
      const usage = { promptTokens, completionTokens: 1, cachedTokens: 0 }
      return { id: '', model: 'm', message, finishReason: options.finishReason ?? 'stop', usage }
    },
  }
}

/** A request's tokens as the provider of these tests counts them: one for every four bytes of JSON begun. */
export function tokensOf(request: ChatRequest): number {
  const bytes = request.messages.reduce((sum, message) => sum + bytesOf(message), bytesOf(request.tools ?? []))
  return estimateTokens(bytes, { bytes: 4_000_000, tokens: 1_000_000 })
}

/** What {@link openAgent} plays with. */
export interface AgentForTests {
  dir: string
  store: Store
  sandbox: Sandbox
  /** Another store, empty, from here on. */
  forget(): void
  play(model: ChatModel, options?: PlayOptions): Promise<Played>
}

/** How a rollout of a test is played. */
export interface PlayOptions {
  turns?: Turn[]
  pauseAfter?: number
  limits?: Partial<AgentLimits>
  contextTokens?: number
  /** Looked at before each put of a record; throws to kill the agent there. */
  beforePut?: (key: string) => void
  onProgress?: (progress: Progress) => void
}

/** A sandbox that runs nothing: a function says what each script prints. For tests of what is done with that. */
export function pretendSandbox(print: (script: string) => string): Sandbox {
  const refuse = () => Promise.reject(new Error('there is no such thing in a sandbox that runs nothing'))
  return {
    name: 'pretended',
    life: 'one',
    async exec(_, { script }) {
      const output = Buffer.from(print(script))
      const times = { startedAt: '2026-01-01T00:00:00.000Z', finishedAt: '2026-01-01T00:00:01.000Z' }
      return { exitCode: 0, isTimedOut: false, output, sizeBytes: output.length, leftRunning: [], ...times }
    },
    readOutput: refuse,
    forgetOutput: async () => {},
    putRepository: refuse,
    readRepository: refuse,
    readFile: refuse,
  }
}

/** A native agent over a store and a sandbox. */
export function withSandbox(dir: string, sandbox: Sandbox): AgentForTests {
  let stores = 0
  const agent: AgentForTests = {
    dir,
    sandbox,
    store: createFileStore({ dir: join(dir, 'store') }),
    forget() {
      agent.store = createFileStore({ dir: join(dir, `store-${++stores}`) })
    },
    play: (model, options = {}) => playIn(agent, model, options),
  }
  return agent
}

/** A native agent over a store and a plain-process sandbox of its own, with a few files. */
export async function openAgent(): Promise<AgentForTests> {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-agent-'))
  const provider = createProcessProvider({ dir: join(dir, 'sandboxes'), path: process.env['PATH']! })
  const sandbox = await provider.create({ name: 'one', labels: {}, environment: null })
  onTestFinished(() => provider.remove('one'))
  const tar = pack()
  tar.entry({ name: 'src/a.txt' }, 'one\ntwo\nthree\n')
  tar.entry({ name: 'run.sh', mode: 0o755 }, '#!/bin/sh\necho ran\n')
  tar.finalize()
  await sandbox.putRepository(Readable.from(tar, { objectMode: false }))
  return withSandbox(dir, sandbox)
}

function playIn(agent: AgentForTests, model: ChatModel, options: PlayOptions): Promise<Played> {
  const { turns = [{ stage: 0, round: 0, text: 'do it' }], pauseAfter = Infinity, contextTokens = 128_000 } = options
  const { sandbox } = agent
  const life = new AbortController()
  const store: Store = {
    ...agent.store,
    putRecord(key, value) {
      try {
        options.beforePut?.(key)
      } catch (error) {
        life.abort()
        throw error
      }
      return agent.store.putRecord(key, value)
    },
  }
  const noLimits = {
    maxSteps: 500,
    maxStageSteps: null,
    maxStageTokens: null,
    maxChainSteps: null,
    maxChainTokens: null,
  }
  return playTurns({
    ports: {
      store,
      complete: createComplete({
        store,
        model,
        redact: same,
        meter: openMeter(agent.store),
        retry: { tries: 1, firstWaitMs: 1, longestWaitMs: 1 },
        wait: async () => {},
      }),
      exec: createExec({ store, redact: same }),
      sandbox: async () => sandbox,
    },
    frame: {
      rollout: ROLLOUT,
      chain: 'chain',
      system: 'You work.',
      model: 'm',
      seed: 1,
      limits: { ...noLimits, ...options.limits },
      contextTokens,
      commandTimeoutMs: 20_000,
    },
    turns,
    fence: { check: async () => {} },
    signal: life.signal,
    isPausing: (progress) => progress.liveSteps >= pauseAfter,
    onProgress: options.onProgress ?? (() => {}),
  })
}

/** The n-th observation of what was played. */
export function observationOf(played: Played, n: number): string {
  if (played.status !== 'ended') throw new Error('the round is not over')
  return played.conversation.filter(({ message }) => message.role === 'tool')[n]!.message.content
}

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Played, Turn } from '../../src/agent/loop.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import { roundEndRecord, type RoundEndRecord } from '../../src/formats/record.ts'
import { pretendSandbox, ROLLOUT, scriptModel, withSandbox, type AgentForTests, type Answer } from './agentFixture.ts'

const SUBMIT: Answer = ['submit', { summary: '' }]
const look = (n: number): [string, unknown] => ['shell', { command: `look ${n}` }]
const again = (count: number, ...answers: Answer[]) => Array.from({ length: count }, () => answers).flat()

let agent: AgentForTests
let ran: string[]
beforeEach(() => {
  ran = []
  agent = withSandbox(
    mkdtempSync(join(tmpdir(), 'prchain-endings-')),
    pretendSandbox((script) => {
      ran.push(script)
      return script === 'now' ? `${ran.length}` : `ran ${script}`
    }),
  )
})

/** Plays, and again from the record alone: that must come to the same. */
async function play(answers: Answer[], options: Parameters<AgentForTests['play']>[1] = {}): Promise<Played> {
  const played = await agent.play(scriptModel(answers), options)
  const walked = await agent.play(scriptModel([]), options)
  expect(walked).toEqual({ ...played, progress: expect.anything() })
  return played
}

async function endOf(round = 0, stage = 0): Promise<RoundEndRecord> {
  return roundEndRecord.parse(await agent.store.getRecord(recordKey.round(ROLLOUT, stage, round, 'end')))
}

/** What the user's messages say after the opening. */
function told(played: Played): string[] {
  if (played.status !== 'ended') throw new Error('the round is not over')
  const users = played.conversation.filter(({ message }) => message.role === 'user')
  return users.slice(1).map(({ message }) => message.content)
}

describe('an agent that goes in a circle', () => {
  test.each([
    ['the same step', [look(1)], 4],
    ['a cycle of two', [look(1), look(2)], 6],
    ['a cycle of three', [look(1), [look(2), look(3)], look(4)], 9],
  ] as [string, Answer[], number][])('%s: is told, and ended when it goes on', async (_, cycle, noticed) => {
    const played = await play(again(10, ...cycle))
    expect(played).toMatchObject({ ending: 'loop', steps: 2 * noticed })
    expect(told(played)).toEqual([expect.stringContaining('You repeat yourself')])
    expect(await endOf()).toMatchObject({ ending: 'loop', circles: 2, formatErrors: 0 })
  })

  test('may go on when it turns to something else', async () => {
    const played = await play([...again(4, look(1)), look(2), look(1), look(3), SUBMIT])
    expect(played).toMatchObject({ ending: 'submitted', steps: 8 })
    expect(await endOf()).toMatchObject({ circles: 1 })
  })

  test('is in none when the same call gives another result each time', async () => {
    expect(await play([...again(12, ['shell', { command: 'now' }]), SUBMIT])).toMatchObject({ ending: 'submitted' })
    expect(await endOf()).toMatchObject({ circles: 0 })
  })
})

describe('messages that cannot be understood', () => {
  test('are answered, counted, and end the round when five follow each other', async () => {
    const wrong: Answer[] = [['teleport', {}], ['shell', '{'], 'words', ['view', {}], ['edit', { path: 'a' }]]
    expect(await play(wrong)).toMatchObject({ ending: 'format-errors', steps: 5 })
    expect(await endOf()).toMatchObject({ ending: 'format-errors', formatErrors: 5 })
    expect(ran).toEqual([])
  })

  test('do not end it when one between them is understood', async () => {
    const played = await play([...again(4, ['teleport', {}]), look(1), ...again(4, ['shell', '[]']), SUBMIT])
    expect(played).toMatchObject({ ending: 'submitted' })
    expect(await endOf()).toMatchObject({ formatErrors: 8 })
  })

  test('three without a tool call end it by that name; one that was cut off is told so', async () => {
    expect(await play(['a', look(1), 'b', 'c', 'd'])).toMatchObject({ ending: 'no-tool-call', steps: 5 })
    agent.forget()
    const cut = scriptModel(['a', SUBMIT], { finishReason: 'length' })
    expect(told(await agent.play(cut))).toEqual([expect.stringContaining('cut off')])
  })

  test('parallel calls are run in their order: the good ones of a message, sixteen at most, none after a submit', async () => {
    const many = Array.from({ length: 18 }, (_, n): [string, unknown] => (n === 2 ? ['teleport', {}] : look(n)))
    const last: Answer = [look(20), ['submit', { summary: '' }], look(21)]
    const played = await play([many, last])
    expect(played).toMatchObject({ ending: 'submitted', steps: 2 })
    expect(ran).toEqual(
      [...many.slice(0, 16).keys()]
        .filter((n) => n !== 2)
        .map((n) => `look ${n}`)
        .concat('look 20'),
    )
    if (played.status !== 'ended') return
    const answers = played.conversation.flatMap(({ message }) => (message.role === 'tool' ? [message.content] : []))
    expect(answers).toHaveLength(21)
    expect(answers[17]).toBe('Not run: a message can call at most 16 tools.')
    expect(answers.slice(-2)).toEqual(['Submitted.', 'Not run: the work was already submitted.'])
    expect(await endOf()).toMatchObject({ formatErrors: 3 })
  })
})

describe('limits', () => {
  const turns: Turn[] = [
    { stage: 0, round: 0, text: 'first' },
    { stage: 0, round: 1, text: 'again' },
    { stage: 1, round: 0, text: 'second' },
  ]
  const looks = Array.from({ length: 50 }, (_, n) => look(n))

  test('of a stage hold over its rounds, and begin anew with the next stage', async () => {
    const limits = { maxStageSteps: 5 }
    const first = [look(1), look(2), SUBMIT]
    expect(await play(first, { turns: turns.slice(0, 1), limits })).toMatchObject({ ending: 'submitted' })
    expect(await play(looks, { turns: turns.slice(0, 2), limits })).toMatchObject({ ending: 'stage-steps', steps: 2 })
    expect(await play(looks, { turns, limits })).toMatchObject({ ending: 'stage-steps', steps: 5 })
  })

  test('of a rollout hold over its stages', async () => {
    const limits = { maxChainSteps: 6 }
    await play([look(1), SUBMIT], { turns: turns.slice(0, 1), limits })
    await play([look(1), SUBMIT], { turns: turns.slice(0, 2), limits })
    expect(await play(looks, { turns, limits })).toMatchObject({ ending: 'chain-steps', steps: 2 })
  })

  test('of tokens are met at the first step after they are spent', async () => {
    const played = await agent.play(scriptModel([look(1), SUBMIT]), { turns: turns.slice(0, 1) })
    const { promptTokens, completionTokens } = played.progress.usage
    const spent = promptTokens + completionTokens
    const two = { turns: turns.slice(0, 2) }
    expect(await play(looks, { ...two, limits: { maxStageTokens: spent + 1 } })).toMatchObject({
      ending: 'stage-tokens',
      steps: 1,
    })
    expect(await play(looks, { turns, limits: { maxChainTokens: spent } })).toMatchObject({
      ending: 'chain-tokens',
      steps: 0,
    })
  })
})

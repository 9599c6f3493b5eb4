import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Turn } from '../../src/agent/loop.ts'
import { commandKey, recordKey } from '../../src/domain/identifiers.ts'
import { commandRecord, type CommandRecord } from '../../src/formats/record.ts'
import { ModelError } from '../../src/model/port.ts'
import {
  observationOf as observation,
  openAgent,
  ROLLOUT,
  scriptModel,
  type AgentForTests,
  type Answer,
} from './agentFixture.ts'

let agent: AgentForTests
beforeEach(async () => {
  agent = await openAgent()
})
const play: AgentForTests['play'] = (model, options) => agent.play(model, options)

describe('the native agent', () => {
  test('looks, edits, writes, runs and submits through its tools', async () => {
    const model = scriptModel([
      ['view', { path: 'src/a.txt' }],
      ['edit', { path: 'src/a.txt', old: 'two\n', new: 'zwei\n' }],
      ['write', { path: 'deep/er/b.txt', content: "new $HOME `x` 'y'\n" }],
      ['edit', { path: 'run.sh', old: 'echo ran', new: 'echo "ran it"' }],
      ['shell', { command: './run.sh; cat src/a.txt deep/er/b.txt >&2; exit 3' }],
      ['submit', { summary: 'done' }],
    ])
    const played = await play(model)
    expect(played).toMatchObject({ status: 'ended', ending: 'submitted', steps: 6 })
    expect(observation(played, 0)).toBe('one\ntwo\nthree\n')
    expect(observation(played, 4)).toBe("ran it\none\nzwei\nthree\nnew $HOME `x` 'y'\n[exit code 3]")
  })

  test('says while the store does not take a reply that is in hand, and goes on with it', async () => {
    const { putRecord } = agent.store
    let failures = 2
    agent.store.putRecord = (key, value) =>
      key.includes('/calls/') && failures-- > 0 ? Promise.reject(new Error('no room')) : putRecord(key, value)
    const said: (string | null)[] = []
    const model = scriptModel([['submit', { summary: 'done' }]])
    const played = await play(model, { onProgress: ({ unstored }) => void said.push(unstored) })
    expect([played.status, model.requests.length]).toEqual(['ended', 1])
    const why = expect.stringContaining('the store does not take it: no room')
    expect(said).toEqual([why, why, null])
  })

  test('answers what cannot be understood, and goes on', async () => {
    const model = scriptModel([
      ['edit', { path: 'src/a.txt', old: 'o', new: '0' }],
      ['shell', '{"command": '],
      ['shell', { cmd: 'ls' }],
      ['teleport', {}],
      ['view', { path: 'none.txt' }],
      'I think I am done.',
      ['submit', { summary: '' }],
    ])
    const played = await play(model)
    expect(played).toMatchObject({ status: 'ended', ending: 'submitted', steps: 7 })
    expect(observation(played, 0)).toContain('it occurs 2 times')
    expect(observation(played, 1)).toContain('not JSON')
    expect(observation(played, 2)).toContain('command')
    expect(observation(played, 3)).toContain('no tool "teleport"')
    expect(observation(played, 4)).toContain('none.txt')
    expect(model.requests.at(-1)!.messages.at(-1)).toMatchObject({
      role: 'user',
      content: expect.stringContaining('called no tool'),
    })
  })

  test('ends a round by name: at the step limit, after three silent messages, when the context is full', async () => {
    const looks = Array.from({ length: 9 }, (): Answer => ['shell', { command: 'true' }])
    expect(await play(scriptModel(looks), { limits: { maxSteps: 2 } })).toMatchObject({
      ending: 'step-limit',
      steps: 2,
    })
    agent.forget()
    expect(await play(scriptModel(['a', 'b', 'c']))).toMatchObject({ ending: 'no-tool-call', steps: 3 })
    agent.forget()
    const full = [looks[0]!, new ModelError('context', 'too long')]
    expect(await play(scriptModel(full))).toMatchObject({ ending: 'context-exceeded', steps: 1 })
    expect(await play(scriptModel([]))).toMatchObject({ ending: 'context-exceeded', steps: 1 })
  })

  test('a round played in slices, each by another worker, is the round played at once', async () => {
    const count = 'echo x >> "$HOME/marker"; wc -l < "$HOME/marker"'
    const answers = [
      ...Array.from({ length: 6 }, (): Answer => ['shell', { command: count }]),
      ['submit', { summary: '' }] as Answer,
    ]
    const model = scriptModel(answers)
    expect(await play(model, { pauseAfter: 2 })).toMatchObject({ status: 'paused', steps: 2 })
    expect(await play(model, { pauseAfter: 3 })).toMatchObject({ status: 'paused', steps: 5 })
    const played = await play(model)
    expect(played).toMatchObject({ status: 'ended', steps: 7 })
    expect(model.requests).toHaveLength(7)
    for (const n of [0, 3, 5]) expect(observation(played, n)).toBe(`${n + 1}\n[exit code 0]`)
    expect(await play(scriptModel([]))).toEqual({ ...played, progress: expect.anything() })
  })

  test('all stages and rounds are one conversation, each opened by its message', async () => {
    const turns: Turn[] = [
      { stage: 0, round: 0, text: 'first' },
      { stage: 0, round: 1, text: 'again' },
      { stage: 1, round: 0, text: 'second' },
    ]
    const submit: Answer = ['submit', { summary: '' }]
    const model = scriptModel([submit, submit, submit])
    for (let n = 1; n <= turns.length; n++) await play(model, { turns: turns.slice(0, n) })
    const roles = model.requests[2]!.messages.map((message) =>
      message.role === 'user' ? message.content : message.role,
    )
    expect(roles).toEqual(['system', 'first', 'assistant', 'tool', 'again', 'assistant', 'tool', 'second'])
  })

  test('every command is on record with its output, long ones and bytes too', async () => {
    const model = scriptModel([
      ['shell', { command: 'head -c 100000 /dev/zero | tr "\\0" x' }],
      ['shell', { command: 'printf "\\xff\\xfe"' }],
      ['submit', { summary: '' }],
    ])
    const played = await play(model)
    expect(observation(played, 0)).toContain('100000 bytes in all')
    const record = async (step: number) =>
      commandRecord.parse(
        await agent.store.getRecord<CommandRecord>(recordKey.call(commandKey(ROLLOUT, 0, 0, step, 0, 0))),
      )
    const long = await record(0)
    expect(long.outcome).toMatchObject({ exitCode: 0, output: null, sizeBytes: 100_000 })
    expect((await agent.store.getBlob(long.outcome.outputBlob!)).length).toBe(100_000)
    const bytes = await record(1)
    expect([...(await agent.store.getBlob(bytes.outcome.outputBlob!))]).toEqual([0xff, 0xfe])
  })

  test('a file that is not UTF-8 is not edited', async () => {
    const model = scriptModel([
      ['shell', { command: 'printf "a\\xffb" > bytes' }],
      ['edit', { path: 'bytes', old: 'a', new: 'c' }],
      ['submit', { summary: '' }],
    ])
    expect(observation(await play(model), 1)).toContain('cannot be edited')
    expect([...readFileSync(join(agent.dir, 'sandboxes', 'one', 'repo', 'bytes'))]).toEqual([0x61, 0xff, 0x62])
  })
})

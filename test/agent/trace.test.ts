import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { traceNative } from '../../src/activities/nativeTrace.ts'
import type { RolloutContext } from '../../src/activities/rolloutContext.ts'
import { openStepFacts } from '../../src/activities/stepFacts.ts'
import { toSampleMessages } from '../../src/domain/sample.ts'
import { pretendSandbox, ROLLOUT, scriptModel, withSandbox, type Answer } from './agentFixture.ts'

const look: Answer = ['shell', { command: 'ls' }]

test('a turn that the agent answered as wrong in form is not trained on', async () => {
  const agent = withSandbox(
    mkdtempSync(join(tmpdir(), 'prchain-trace-')),
    pretendSandbox(() => 'a.txt'),
  )
  const answers: [boolean, Answer][] = [
    [true, look],
    [false, 'I shall look around.'],
    [false, ['shell', '{"command":']],
    [false, ['shell', { cmd: 'ls' }]],
    [false, ['browse', { url: 'x' }]],
    [false, [look, ['view', {}]] as Answer],
    [true, [look, look] as Answer],
    [false, Array.from({ length: 17 }, () => look) as Answer],
    [true, ['view', { path: 'a.txt', start: 3, end: 1 }]],
    [true, ['submit', { summary: '' }]],
  ]
  const played = await agent.play(scriptModel(answers.map(([, answer]) => answer)))
  if (played.status !== 'ended') throw new Error('the round is not over')
  const context = { id: ROLLOUT, settings: { prices: null, model: 'm' } } as RolloutContext
  const facts = await openStepFacts(agent, context)
  const messages = toSampleMessages(await traceNative(agent, context, played.conversation, facts), () => true)
  const turns = messages.filter(({ role }) => role === 'assistant')
  expect(turns.map((turn) => 'train' in turn && turn.train)).toEqual(answers.map(([isTrained]) => isTrained))
})

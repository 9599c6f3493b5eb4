import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { introducedNames } from '../../src/domain/interface.ts'
import { findLeaks } from '../../src/domain/leak.ts'
import { addedLines } from '../../src/domain/patch.ts'
import { readJson, readOverview, readQuery, renderPull } from '../../src/domain/query.ts'
import type { Message } from '../../src/formats/chat.ts'
import type { PullRequest } from '../../src/formats/pullRequest.ts'
import { loadPrompts } from '../../src/prompts/prompts.ts'
import { judgePatches } from '../../src/scripted/judge.ts'
import { cleanSentences } from '../../src/scripted/prose.ts'
import { z } from 'zod'
import { ask, buildExample, openStudio, playHeaders } from './scriptedFixture.ts'
import { inventory } from './scriptedInventory.ts'

const prompts = loadPrompts()
const TITLE = 'feat(stock): tell when to `reorder_level` parts with reorder_level and minimumCount'
const BODY = `## Why

Nobody knows when parts run out. The new \`reorder_level(parts)\` says so; see https://example.invalid/x_y.

\`\`\`py
def reorder_level(parts, minimum_count=5):
\`\`\`
`

function pullRequest(): PullRequest {
  const text = (source: 'title' | 'body', value: string) => ({
    source,
    text: value,
    url: null,
    author: 'a',
    isBot: false,
    sha: null,
  })
  return {
    format: 'prchain.pull-request/1',
    repository: 'octo/example',
    number: 1,
    title: TITLE,
    author: 'a',
    isBot: false,
    isMerged: true,
    mergeCommitSha: null,
    headSha: null,
    baseRef: null,
    createdAt: null,
    mergedAt: null,
    url: 'https://example.invalid/1',
    labels: [],
    files: null,
    commitCount: 1,
    texts: [text('title', TITLE), text('body', BODY)],
    citedBy: [],
    issues: [],
    closes: [],
    lacks: [],
  }
}

/** Asks a player with the product's own prompts. */
async function converse(role: 'writer' | 'judge', settings: unknown, messages: Message[]): Promise<string> {
  const studio = await openStudio({ example: buildExample(inventory.change), settings })
  const answer = await ask(studio.url, { model: 'm', messages }, playHeaders({ role, chain: studio.chain }))
  expect(answer.status).toBe(200)
  return ((await answer.json()) as { choices: [{ message: { content: string } }] }).choices[0].message.content
}

describe('the writer of the scripted model', () => {
  const patch = () => buildExample(inventory.change).patches[0]!
  const pull = renderPull(pullRequest(), { index: 0, count: 2 })
  const asked = (reference: string): Message[] => [
    { role: 'user', content: prompts.fill('query', { pull, patch: reference, leaks: '' }) },
  ]
  const secretOf = (reference: string) => {
    const lines = addedLines(reference, { paths: [], isAmong: false })
    return { names: introducedNames(lines, new Set()), lines }
  }

  test('writes the four steps as JSON that the product reads, without a leak', async () => {
    const reference = patch()
    const reply = await converse('writer', {}, asked(reference))
    expect(Object.keys(JSON.parse(reply) as object)).toEqual(['intent', 'locus', 'plan', 'directive'])
    const query = readQuery(reply)!
    expect(query).toContain('Nobody knows when parts run out')
    expect(query).toContain('`src`')
    expect(findLeaks(query, secretOf(reference))).toEqual([])
    expect(query).not.toMatch(/reorder|minimumCount|https?:/)
  })

  test('writes an overview from the titles', async () => {
    const messages: Message[] = [
      { role: 'user', content: prompts.fill('overview', { pulls: [pull, pull].join('\n\n') }) },
    ]
    const overview = readOverview(await converse('writer', {}, messages))!
    expect(overview).toContain('2 steps')
    expect(overview).not.toMatch(/[`_]|minimumCount/)
  })

  test('told to leak, quotes the patch in its first reply alone', async () => {
    const reference = patch()
    const messages = asked(reference)
    const first = await converse('writer', { writer: { leak: true } }, messages)
    expect(findLeaks(readQuery(first)!, secretOf(reference)).length).toBeGreaterThan(0)
    const told: Message[] = [
      ...messages,
      { role: 'assistant', content: first },
      { role: 'user', content: 'This gives the edit away by naming:\n- x\nWrite it again without these.' },
    ]
    expect(
      findLeaks(readQuery(await converse('writer', { writer: { leak: true } }, told))!, secretOf(reference)),
    ).toEqual([])
  })

  test('leaves out words that it is told give the edit away', async () => {
    const messages = asked(patch())
    const first = await converse('writer', {}, messages)
    const told: Message[] = [
      ...messages,
      { role: 'assistant', content: first },
      { role: 'user', content: 'This gives the edit away by naming:\n- Nobody\nWrite it again without these.' },
    ]
    expect(await converse('writer', {}, told)).not.toContain('Nobody')
  })

  test('told to mumble, answers no JSON so many times', async () => {
    const messages = asked(patch())
    const mumbled = await converse('writer', { writer: { garbage: 1 } }, messages)
    expect(readQuery(mumbled)).toBe(null)
    const again: Message[] = [
      ...messages,
      { role: 'assistant', content: mumbled },
      { role: 'user', content: 'That is not the JSON object that was asked for.' },
    ]
    expect(readQuery(await converse('writer', { writer: { garbage: 1 } }, again))).not.toBe(null)
  })

  test('keeps plain English of Markdown', () => {
    expect(
      cleanSentences(
        '## Head\n\n- One `code` thing here. Another_one is hidden in it.\n\n[A link](http://x) to follow now.',
        [],
      ),
    ).toEqual(['One thing here.', 'is hidden in it.', 'A link to follow now.'])
  })
})

describe('the judge over the wire', () => {
  const verdict = z.object({ score: z.number(), comment: z.string() })
  const prompt = (reference: string, patch: string): Message[] => [
    { role: 'user', content: prompts.fill('judge', { query: 'q', reference, patch }) },
  ]

  test('scores the two patches of the product’s own prompt, whatever the store holds', async () => {
    const example = buildExample(['echo a > other.txt', 'echo b > other.txt', 'echo a > other.txt; echo c > more.txt'])
    const [reference, other] = [example.patches[0]!, example.patches[1]!]
    const scored = async (patch: string) =>
      readJson(await converse('judge', {}, prompt(reference.trimEnd(), patch.trimEnd())), verdict)
    expect(await scored(reference)).toEqual(judgePatches(reference, reference))
    expect((await scored(reference))!.score).toBe(1)
    expect((await scored(other))!.score).toBeLessThan(0.2)
    expect((await scored(''))!.score).toBe(0)
  })

  test('told to mumble, answers no JSON so many times in each conversation', async () => {
    const messages = prompt('', '')
    const settings = { judge: { garbage: 2 } }
    for (let asks = 0; asks < 3; asks++) {
      const reply = await converse('judge', settings, messages)
      expect(readJson(reply, verdict) !== null).toBe(asks === 2)
      messages.push(
        { role: 'assistant', content: reply },
        { role: 'user', content: 'That is not the JSON object that was asked for.' },
      )
    }
  })
})

test('docs/scripted-model.md tells every setting', async () => {
  const { readFileSync } = await import('node:fs')
  const { scriptedSettings, fault, flawKind } = await import('../../src/scripted/settings.ts')
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'scripted-model.md'), 'utf8')
  const names = [
    ...Object.keys(scriptedSettings.shape),
    ...fault.options.flatMap((option) => Object.keys(option.shape)),
    ...flawKind.options,
  ]
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})

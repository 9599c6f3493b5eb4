import { describe, expect, test } from 'vitest'
import { describeEvidence, shortenPatch } from '../../src/domain/linkQuestion.ts'
import { loadPrompts } from '../../src/prompts/prompts.ts'
import { answerAsLinkJudge, asksAboutLink, judgeLink } from '../../src/scripted/linkJudge.ts'
import { scriptedSettings } from '../../src/scripted/settings.ts'
import { readRequest } from '../../src/scripted/wire.ts'
import { cites } from '../domain/linkArbitrary.ts'
import { buildLinks } from '../../src/domain/link.ts'

const patch = (path: string, ...added: string[]) =>
  [
    `diff --git a/${path} b/${path}`,
    `--- a/${path}`,
    `+++ b/${path}`,
    `@@ -1,0 +1,${added.length} @@`,
    ...added.map((line) => `+${line}`),
    '',
  ].join('\n')
const cache = patch('src/cache.py', 'def read_entry(cache_key):', '    return lookup_entry(cache_key)')
const more = patch(
  'src/cache.py',
  'def read_entry(cache_key, fallback):',
  '    return lookup_entry(cache_key) or fallback',
)
const apart = patch('src/report.py', 'print_summary()')
const evidence = (cue: 'extends' | 'mentions' | 'contrasts') => describeEvidence(buildLinks([cites(2, 1, { cue })])[0]!)

describe('the scripted judge of links', () => {
  test.each([
    ['shared code and a word that links', more, 'extends', true],
    ['shared code alone', more, 'mentions', true],
    ['a word that links alone', apart, 'extends', true],
    ['shared code and a contrast', more, 'contrasts', true],
    ['a bare mention and no shared code', apart, 'mentions', false],
    ['a contrast and no shared code', apart, 'contrasts', false],
  ] as const)('%s', (_, later, cue, isLink) => {
    expect(judgeLink({ earlier: cache, later, evidence: evidence(cue) }).is_link).toBe(isLink)
  })

  test('answers the question that mining asks, from its evidence and its two patches', () => {
    const [link] = buildLinks([cites(2, 1, { text: 'Follow-up to #1.' })])
    const overlap = { files: ['src/cache.py'], symbols: ['read_entry'], lines: 1 }
    const content = loadPrompts().fill('link', {
      earlier: '#1 Add a cache',
      later: '#2 Fall back',
      evidence: describeEvidence({ ...link!, overlap }),
      earlierPatch: shortenPatch(cache),
      laterPatch: shortenPatch(more),
    })
    expect(content).toContain('- body, read as "extends": “Follow-up to #1.”')
    expect(content).toContain('names: read_entry; lines of the earlier one that the later one changes: 1')
    const request = readRequest({ model: 'm', messages: [{ role: 'user', content }] })
    expect(asksAboutLink(request)).toBe(true)
    const reply = JSON.parse(answerAsLinkJudge(request, scriptedSettings.parse({})).content) as object
    expect(reply).toEqual({
      is_link: true,
      reason:
        'Both change src/cache.py. Their changed lines share 3 names. The words say that the one goes on from the other.',
    })
  })
})

test('a patch too long for the judge is shown in whole files, the others are named', () => {
  const long = patch('src/long.py', ...Array.from({ length: 4_000 }, (_, index) => `value_${index} = ${index}`))
  const shown = shortenPatch(`${cache}${long}${apart}`)
  expect(shown.startsWith(cache)).toBe(true)
  expect(shown).toContain('print_summary()')
  expect(shown).not.toContain('value_1')
  expect(shown.endsWith('[1 more file(s), too long to show: src/long.py]')).toBe(true)
  expect(shortenPatch(cache)).toBe(cache.trimEnd())
})

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { drawChain } from '../../src/report/chainGraph.ts'
import { html, linkTo } from '../../src/report/html.ts'
import { renderMiningReport } from '../../src/report/miningReport.ts'
import { percent } from '../../src/report/words.ts'
import { makeChain, makeFacts } from './miningArbitrary.ts'

const HOSTILE = [
  '</script><script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</template></details><iframe src="https://example.org">',
  '<!-- <style>* { display: none }</style>',
  '${alert(1)} `alert(1)` &lt;b&gt; \u202Egnp.exe \u0000\u001B[2J',
  ']]><svg onload=alert(1)>',
]
const ADDRESSES = [
  'javascript:alert(1)',
  'JaVaScRiPt:alert(1)',
  'data:text/html,<b>',
  '//example.org',
  ' javascript:0',
  'x',
]

const benign = renderMiningReport([
  makeFacts(
    () => 'word',
    () => null,
  ),
])

/** The page's markup with every text and every value of an attribute taken out. */
function skeleton(page: string): string {
  return page
    .replaceAll(/<script>[^]*?<\/script>/g, '<script></script>')
    .replaceAll(/<style>[^]*?<\/style>/g, '<style></style>')
    .replaceAll(/="[^"<>]*"/g, '=""')
    .replaceAll(/>[^<]*/g, '>')
}

describe('a report', () => {
  test.each(HOSTILE)('shows %j as text wherever it comes from outside', (text) => {
    const page = renderMiningReport([
      makeFacts(
        () => text,
        () => null,
      ),
    ])
    expect(skeleton(page)).toBe(skeleton(benign))
    expect(page.split('<script')).toHaveLength(2)
  })

  test('has the same markup whatever texts and addresses from outside are', () => {
    const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...HOSTILE), fc.string({ unit: 'grapheme' }))
    fc.assert(
      fc.property(fc.array(texts, { minLength: 1 }), fc.constantFrom(...ADDRESSES, null), (words, address) => {
        let next = 0
        // A text of nothing is left out with its quotation marks, so each has a letter.
        const page = renderMiningReport([
          makeFacts(
            () => `a${words[next++ % words.length]}`,
            () => address,
          ),
        ])
        expect(skeleton(page)).toBe(skeleton(benign))
      }),
    )
  })

  test.each(ADDRESSES)('has no link to %j', (address) => {
    expect(linkTo(address, 'a').markup).toBe('a')
  })

  test('links to pages of the web', () => {
    const page = renderMiningReport([
      makeFacts(
        () => 'word',
        () => 'https://github.com/acme/tool/pull/11?a="b',
      ),
    ])
    expect(page).toContain('href="https://github.com/acme/tool/pull/11?a=%22b"')
  })

  test('loads nothing, and its policy allows its own script alone', () => {
    expect(benign).not.toMatch(/\ssrc=|<link|@import|url\(|<iframe|<object|<embed/)
    const script = /<script>([^]*?)<\/script>/.exec(benign)![1]!
    const digest = createHash('sha256').update(script).digest('base64')
    expect(benign).toContain(`default-src &#39;none&#39;`)
    expect(benign).toContain(`script-src &#39;sha256-${digest}&#39;`)
  })

  test('names what is hidden by control characters with a box', () => {
    expect(html`${'a\u202Eb\u001Bc'}`.markup).toBe('a□b□c')
  })

  test('opens its first chain, and keeps the others in templates', () => {
    const facts = makeFacts(
      () => 'word',
      () => null,
    )
    const chains = Array.from({ length: 2_000 }, (_, n) => ({ ...facts.chains[0]!, id: `acme__tool.${n}` }))
    const page = renderMiningReport([{ ...facts, chains }])
    expect(page.split('<template>')).toHaveLength(2_000)
    expect(page.length / chains.length).toBeLessThan(10_000)
  })
})

describe('a chain’s graph', () => {
  const graph = drawChain(
    makeChain(
      () => 'word',
      () => null,
    ),
  ).markup

  test('has a node for each pull request, filled where it changes tests, and an arc for each link', () => {
    expect(graph.match(/<circle/g)).toHaveLength(3)
    expect(graph.match(/class="node tested"/g)).toHaveLength(2)
    expect(graph.match(/class="link /g)).toHaveLength(2)
  })

  test('draws a distant link dashed and one below the threshold faint, thinner the lower its score', () => {
    expect(graph).toMatch(/class="link cue-distant distant weak"/)
    const weights = [...graph.matchAll(/stroke-width="([\d.]+)"/g)].map((match) => Number(match[1]))
    expect(weights[0]).toBeGreaterThan(weights[1]!)
  })
})

test('a share is never rounded to none or to all', () => {
  expect([percent(0, 9), percent(1, 900), percent(899, 900), percent(9, 9), percent(1, 0)]).toEqual([
    ...['0%', '<1%', '>99%', '100%', ''],
  ])
})

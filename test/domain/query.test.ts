import { expect, test } from 'vitest'
import { renderPull } from '../../src/domain/query.ts'
import { pullRequest, type EvidenceText } from '../../src/formats/pullRequest.ts'

function pull(texts: Partial<EvidenceText>[]) {
  return pullRequest.parse({
    format: 'prchain.pull-request/1',
    ...{ repository: 'acme/tool', number: 15, title: 'Add a parser', author: 'ann', isBot: false, isMerged: true },
    ...{ mergeCommitSha: null, headSha: null, baseRef: 'main', createdAt: null, mergedAt: '2024-03-02T12:00:00Z' },
    ...{ url: 'https://github.com/acme/tool/pull/15', labels: [], files: null, commitCount: 1 },
    texts: texts.map((text) => ({ source: 'comment', url: null, author: 'bob', isBot: false, sha: null, ...text })),
    ...{ citedBy: [], issues: [] },
  })
}

test('the query writer is not told what was said after the merge, nor what bots said', () => {
  const rendered = renderPull(
    pull([
      { text: 'Looks good', at: '2024-03-02T11:59:59Z' },
      { text: 'At the very moment', at: '2024-03-02T13:00:00+01:00' },
      { text: 'Broke the lexer, see #21', at: '2024-03-02T12:00:01Z' },
      { text: 'Was wrong all along', source: 'review', at: '2024-04-01T00:00:00Z' },
      { text: 'Nobody knows when', at: null },
      { text: 'Coverage fell', isBot: true },
    ]),
    { index: 0, count: 1 },
  )
  for (const said of ['Looks good', 'At the very moment', 'Nobody knows when']) expect(rendered).toContain(said)
  for (const later of ['Broke', 'wrong all along', 'Coverage']) expect(rendered).not.toContain(later)
})

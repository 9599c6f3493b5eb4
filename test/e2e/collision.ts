import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { readHistory } from '../../examples/repository/history.ts'
import { createObjects } from '../../examples/repository/objects.ts'
import { recordGitHub } from '../../examples/repository/recording.ts'
import { replayHistory } from '../../examples/repository/replay.ts'

const REPOSITORY = 'acme/names'

/** How its tests are run where the host's own Node serves. */
export const COLLISION_ENVIRONMENT = {
  format: 'prchain.environment/1',
  test: { command: 'node --test --test-reporter=junit --test-reporter-destination={report} {files}' },
}

const JOIN = `/** The names in a row, the last after "and". */
export function joinNames(names) {
  const kept = names.filter((name) => name !== '')
  if (kept.length < 2) return kept.join('')
  const last = kept[kept.length - 1]
  return \`\${kept.slice(0, -1).join(', ')} and \${last}\`
}
`
const JOIN_BY_WORD = `/** The names in a row, the last after a word. */
export function joinNames(names, word = 'and') {
  const kept = names.map((name) => name.trim()).filter((name) => name !== '')
  if (kept.length < 2) return kept.join('')
  const last = kept[kept.length - 1]
  return \`\${kept.slice(0, -1).join(', ')} \${word} \${last}\`
}
`
const PLACES = `import { joinNames } from './names.js'

/** The places that a name could stand for. */
export function describePlaces(places) {
  return \`in \${joinNames(places, 'or')}\`
}
`
const head = (from: string) =>
  `import assert from 'node:assert/strict'\nimport { test } from 'node:test'\nimport { ${from === 'names' ? 'joinNames' : 'describePlaces'} } from '../src/${from}.js'\n\n`
const JOIN_TEST = `${head('names')}test('two names', () => assert.equal(joinNames(['a', 'b']), 'a and b'))
test('three names', () => assert.equal(joinNames(['a', '', 'b', 'c']), 'a, b and c'))
`
const WORD_TEST = `${JOIN_TEST}test('another word', () => assert.equal(joinNames(['a', 'b'], 'or'), 'a or b'))
test('names with room around them', () => assert.equal(joinNames([' a', 'b ']), 'a and b'))
`
const PLACES_TEST = `${head('places')}test('places', () => assert.equal(describePlaces(['here', 'there']), 'in here or there'))\n`

/**
 * A repository of three pull requests: 1 adds a function, 2, which is no part of the chain, rewrites its lines, and 3
 * builds on 1. An agent that did 1 in its own words collides with 2 when it comes to 3.
 */
export async function buildCollision(): Promise<{ repository: string; mirrorsDir: string; recordedDir: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-collision-'))
  const write = (path: string, content: unknown) => {
    const target = join(dir, 'history', path)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, typeof content === 'string' ? content : JSON.stringify(content))
  }
  write('people.json', [{ login: 'kim', name: 'Kim', email: 'kim@example.org' }])
  write('issues.json', [])
  write('00-initial/commit.json', { author: 'kim', date: '2025-01-01T00:00:00Z', message: 'Begin' })
  write('00-initial/files/package.json', '{ "name": "names", "type": "module" }\n')
  write('00-initial/files/README.md', '# names\n')
  addPull(1, 'Join names with commas', 'Names are to be shown in a row.', {
    'src/names.js': JOIN,
    'test/names.test.js': JOIN_TEST,
  })
  addPull(2, 'Let the last word be chosen', 'And trim what stands around a name.', {
    'src/names.js': JOIN_BY_WORD,
    'test/names.test.js': WORD_TEST,
  })
  addPull(3, 'Describe places', 'Follow-up to #1: places are joined as names are.', {
    'src/places.js': PLACES,
    'test/places.test.js': PLACES_TEST,
    'test/names.test.js': WORD_TEST.replace("['a', 'b'], 'or'", "['a', 'b', ''], 'or'"),
  })

  const mirrorsDir = join(dir, 'mirrors')
  const recordedDir = join(dir, 'github')
  for (const folder of [mirrorsDir, recordedDir, join(dir, 'scratch')]) mkdirSync(folder)
  const history = await readHistory(join(dir, 'history'))
  const folder = REPOSITORY.replace('/', '__')
  const objects = await createObjects({ dir: join(mirrorsDir, `${folder}.git`), scratch: join(dir, 'scratch') })
  const played = await replayHistory({ history, repository: REPOSITORY, objects })
  writeFileSync(
    join(recordedDir, `${folder}.json`),
    JSON.stringify(recordGitHub({ repository: REPOSITORY, history, played })),
  )
  return { repository: REPOSITORY, mirrorsDir, recordedDir }

  function addPull(number: number, title: string, body: string, files: Record<string, string>): void {
    const at = (minute: number) => `2025-01-0${number + 1}T10:${minute}:00Z`
    write(`0${number}-pull/body.md`, body)
    for (const [path, content] of Object.entries(files)) write(`0${number}-pull/files/${path}`, content)
    write(`0${number}-pull/pull.json`, {
      number,
      title,
      author: 'kim',
      labels: [],
      branch: `branch-${number}`,
      createdAt: at(10),
      branchedFrom: null,
      commits: [{ author: 'kim', date: at(11), message: title }],
      merge: { style: 'squash', by: 'kim', at: at(30) },
      comments: [],
      reviews: [],
      reviewComments: [],
    })
  }
}

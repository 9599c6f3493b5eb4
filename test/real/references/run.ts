import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { digestOf } from '../../../src/domain/digest.ts'
import { parseReferences } from '../../../src/domain/reference.ts'
import { createReferenceContext } from '../../../src/domain/referenceContext.ts'
import type { Reference } from '../../../src/formats/chain.ts'
import type { PullRequest } from '../../../src/formats/pullRequest.ts'
import { readHistory } from './history.ts'
import { readLabelledTexts, type LabelledText } from './labels.ts'
import { buildPulls } from './pulls.ts'
import { readRecording } from './recording.ts'
import { compareText, type Unit } from './score.ts'
import { formatMisses, formatTable } from './table.ts'

/** `node test/real/references/run.ts --mirrors DIR --data DIR`: what the parser finds of the labelled references. */
const { values } = parseArgs({ options: { mirrors: { type: 'string' }, data: { type: 'string' } } })
const { mirrors, data } = values
if (!mirrors || !data || !existsSync(mirrors) || !existsSync(join(data, 'github'))) {
  console.error(
    'usage: node test/real/references/run.ts --mirrors DIR --data DIR\n  DIR with owner__name.git, and DIR with github/',
  )
  process.exit(2)
}

interface Measured {
  units: Unit[]
  texts: number
  /** Texts that were not measured, and why. */
  absent: string[]
  /** Those that the mirror or the recording does not have as they were labelled. */
  lost: string[]
}

const sets = ['labels.jsonl', 'held.jsonl'].map((name) => {
  const measured: Measured = { units: [], texts: 0, absent: [], lost: [] }
  return { name, labelled: readLabelledTexts(name), measured }
})
for (const repository of new Set(sets.flatMap(({ labelled }) => labelled.map((text) => text.repository)))) {
  const gitDir = join(mirrors, `${repository.replace('/', '__')}.git`)
  const find = existsSync(gitDir) ? createFinder(repository, gitDir) : null
  for (const { labelled, measured } of sets) {
    const texts = labelled.filter((text) => text.repository === repository)
    if (find) texts.forEach((text) => measure(text, find, measured))
    else measured.absent.push(`${repository}, ${texts.length} texts: no ${gitDir}`)
  }
}
for (const { name, measured } of sets) {
  console.log(`${name}: ${formatTable(measured.units, measured.texts)}`)
  if (name === 'labels.jsonl') console.log(`${formatMisses(measured.units)}\n`)
  for (const line of [...measured.absent, ...measured.lost]) console.log(`not measured: ${line}`)
  if (measured.texts === 0 || measured.lost.length > 0) process.exitCode = 1
}

/** Gives a pull request of the repository and its references. */
type Finder = (number: number) => { pull: PullRequest; references: Reference[] } | null

function createFinder(repository: string, gitDir: string): Finder {
  const pulls = buildPulls(repository, readHistory(gitDir), readRecording(data!, repository))
  const context = createReferenceContext([...pulls.values()])
  return (number) => {
    const pull = pulls.get(number)
    return pull ? { pull, references: parseReferences(pull, context) } : null
  }
}

function measure(text: LabelledText, find: Finder, measured: Measured): void {
  const found = find(text.pullRequest)
  const written = found?.pull.texts.find(({ url }) => url === text.where)
  if (!found || !written || digestOf(written.text) !== `sha256:${text.sha256}`) {
    const why = written ? 'another text' : 'not there'
    measured.lost.push(`${text.repository} ${text.pullRequest} ${text.where}: ${why}`)
    return
  }
  measured.texts += 1
  measured.units.push(...compareText(text, written, found.references))
}

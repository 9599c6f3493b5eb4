import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { digestOf } from '../../../src/domain/digest.ts'
import { parseReferences } from '../../../src/domain/reference.ts'
import { createReferenceContext } from '../../../src/domain/referenceContext.ts'
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

const units: Unit[] = []
const absent: string[] = []
/** Texts that the mirror or the recording does not have as they were labelled. */
const lost: string[] = []
let texts = 0
for (const [repository, labelled] of Map.groupBy(readLabelledTexts(), (text) => text.repository)) {
  const gitDir = join(mirrors, `${repository.replace('/', '__')}.git`)
  if (!existsSync(gitDir)) absent.push(`${repository}, ${labelled.length} texts: no ${gitDir}`)
  else units.push(...measure(repository, gitDir, labelled))
}
console.log(formatTable(units, texts))
console.log(formatMisses(units))
for (const line of [...absent, ...lost]) console.log(`not measured: ${line}`)
if (texts === 0 || lost.length > 0) process.exitCode = 1

function measure(repository: string, gitDir: string, labelled: LabelledText[]): Unit[] {
  const pulls = buildPulls(repository, readHistory(gitDir), readRecording(data!, repository))
  const context = createReferenceContext([...pulls.values()])
  return labelled.flatMap((text) => {
    const pull = pulls.get(text.pullRequest)
    const written = pull?.texts.find(({ url }) => url === text.where)
    if (!pull || !written || digestOf(written.text) !== `sha256:${text.sha256}`) {
      lost.push(`${repository} ${text.pullRequest} ${text.where}: ${written ? 'another text' : 'not there'}`)
      return []
    }
    texts += 1
    return compareText(text, written, parseReferences(pull, context))
  })
}

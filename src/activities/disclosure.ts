import { addedLines } from '../domain/patch.ts'
import { wordsOf } from '../domain/interface.ts'
import { findUndisclosed, missingNames, type Undisclosed } from '../domain/undisclosed.ts'
import type { TestReport } from '../formats/environment.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'

/**
 * The tests of a report on S_init(t) that fail only for names that no query disclosed: names that the humans' pull
 * requests of earlier stages brought in and that stand in no query, overview or interface up to this stage.
 */
export async function undisclosedTests(
  ports: Ports,
  context: RolloutContext,
  stage: number,
  report: TestReport,
): Promise<Undisclosed[]> {
  const missing = missingNames(report).map(lastPart)
  if (stage === 0 || missing.length === 0) return []
  const told = await toldWords(context, stage)
  const brought = new Set<string>()
  for (let earlier = 0; earlier < stage; earlier++) {
    const { patch, testFiles, baseSha } = context.stage(earlier)
    const added = addedLines((await ports.store.getBlob(patch)).toString('utf8'), {
      paths: testFiles,
      isAmong: false,
    })
    const words = new Set(wordsOf(added))
    const candidates = missing.filter((name) => words.has(name) && !told.has(name))
    const known = await context.repository.findWords(baseSha, candidates)
    for (const name of candidates) if (!known.has(name)) brought.add(name)
  }
  return findUndisclosed(report, (name) => brought.has(lastPart(name)))
}

/** All words that the agent was told up to a stage. */
async function toldWords(context: RolloutContext, stage: number): Promise<Set<string>> {
  const queries = await context.queries()
  const texts = [queries.overview]
  for (const { query, interface: demanded } of queries.stages.slice(0, stage + 1)) {
    texts.push(query)
    if (context.settings.hasInterface) texts.push(...demanded.names, ...demanded.literals)
  }
  return new Set(wordsOf(texts))
}

/** `pkg.module.name` is missed as its last part. */
function lastPart(name: string): string {
  return name.split('.').at(-1)!
}

import { LINK_THRESHOLD } from '../domain/linkScore.ts'
import type { Chain, Link, Reference, Stage } from '../formats/chain.ts'
import { plain, table, wrap } from './layout.ts'

const SHOWN_NAMES = 6

/** The score of a chain's weakest link; null for a chain without links. */
export function weakestScore({ links }: Pick<Chain, 'links'>): number | null {
  return links.length === 0 ? null : Math.min(...links.map(({ score }) => score))
}

/** Chains as tables, one for each repository, with the strongest evidence of each chain. */
export function chainTables(chains: readonly Chain[], width: number | null): string[] {
  const groups = [...Map.groupBy(chains, ({ repository }) => repository)]
  return groups.flatMap(([repository, some], index) => {
    const stages = some.reduce((sum, chain) => sum + chain.stages.length, 0)
    const title = [repository, `${some.length} chain(s)`, `${stages} stages`, ...describeRepository(some.at(-1)!)]
    const hasFlags = some.some((chain) => chain.stages.some(({ flags }) => flags?.length > 0))
    const rows = some.map((chain) => [
      chain.id,
      kindOf(chain),
      weakestScore(chain)?.toFixed(2) ?? '',
      `${chain.stages.filter(({ testFiles }) => testFiles.length > 0).length}/${chain.stages.length}`,
      ...(hasFlags ? [String(chain.stages.filter(({ flags }) => flags?.length > 0).length || '')] : []),
      evidenceOf(chain),
    ])
    const heading = ['chain', 'kind', 'score', 'tests', ...(hasFlags ? ['flags'] : []), 'evidence']
    return [
      ...(index === 0 ? [] : ['']),
      ...wrap(title.join(' · '), { width, hang: 2 }),
      ...table([heading, ...rows], width),
    ]
  })
}

/** One chain with its stages and, for each link, every reference with who wrote it, where, and in which words. */
export function chainLines(chain: Chain, width: number | null): string[] {
  const { id, repository, stages, links, source } = chain
  const about = [repository, `${kindOf(chain)} of ${stages.length}`, source, ...describeRepository(chain)]
  const lines = (text: string, indent: number, hang = indent) => wrap(`${' '.repeat(indent)}${text}`, { width, hang })
  return [
    id,
    ...lines(about.join(' · '), 0, 2),
    ...stages.flatMap((stage, index) => [
      '',
      ...lines(`${index + 1}. #${stage.number} ${plain(stage.title)}`, 0, 3),
      ...lines(describeStage(stage), 3),
      `   ${plain(stage.url)}`,
      ...(stage.flags ?? []).flatMap((flag) => lines(`! ${plain(flag)}`, 3, 5)),
      ...links.filter(({ from }) => from === stage.number).flatMap(linkLines),
    ]),
  ]

  function linkLines(link: Link): string[] {
    const verb = link.score < LINK_THRESHOLD ? 'cites' : link.kind === 'distant' ? 'touches' : 'builds on'
    const kind = link.kind === 'distant' ? 'distant: no text states it' : 'stated'
    const { overlap, judgement } = link
    return [
      ...lines(`→ ${verb} #${link.to}, score ${link.score.toFixed(2)}, ${kind}`, 3, 5),
      ...link.references.flatMap(referenceLines),
      ...(overlap ? lines(`in common: ${describeOverlap(overlap)}`, 5, 7) : []),
      ...(judgement
        ? lines(
            `${plain(judgement.model)} judges it ${judgement.isLink ? 'a link' : 'no link'}: ${plain(judgement.reason)}`,
            5,
            7,
          )
        : []),
    ]
  }

  function referenceLines(reference: Reference): string[] {
    const said = plain(reference.text)
    // What the two changes show is said by no one.
    if (reference.source === 'diff') return lines(said, 5)
    return [...(said === '' ? [] : lines(`“${said}”`, 5, 6)), ...lines(describeReference(reference), 7)]
  }
}

function kindOf({ mode, shape }: Chain): string {
  return mode === 'semantic' || mode === undefined ? shape : mode
}

function describeRepository({ license, languages }: Chain): string[] {
  const named = (languages ?? [])
    .filter(({ share }) => share >= 0.005)
    .slice(0, 3)
    .map(({ name, share }) => `${name} ${Math.round(100 * share)}%`)
  return [license ?? 'licence unknown', ...(named.length === 0 ? [] : [named.join(', ')])]
}

/** The words for the strongest link; what a chain without links consists of. */
function evidenceOf({ links, stages }: Chain): string {
  const strongest = links.toSorted((a, b) => b.score - a.score)[0]
  if (strongest === undefined) return stages.map(({ number }) => `#${number}`).join(' → ')
  const reference = strongest.references.find(({ text }) => text.trim() !== '') ?? strongest.references[0]!
  if (reference.source === 'diff') return `#${strongest.from} ${plain(reference.text)}`
  const words = reference.text.trim() === '' ? '' : `: “${plain(reference.text)}”`
  return `#${strongest.from} ${reference.cue}, ${reference.source}${words}`
}

function describeStage(stage: Stage): string {
  const sum = (side: 'additions' | 'deletions') => stage.files.reduce((total, file) => total + (file[side] ?? 0), 0)
  const tests = stage.testFiles.length
  return [
    stage.mergedAt.slice(0, 10),
    `${stage.style} ${stage.resultSha.slice(0, 12)} on ${stage.baseSha.slice(0, 12)}`,
    `+${sum('additions')} −${sum('deletions')} in ${stage.files.length} file(s)`,
    tests === 0 ? 'no tests' : `${tests} test file(s)`,
  ].join(' · ')
}

function describeReference({ cue, source, author, isBot, viaIssue, viaText, url }: Reference): string {
  const by = author === null ? 'author unknown' : `by ${plain(author)}`
  const via = viaIssue === null ? [] : [`through issue #${viaIssue}${viaText ? `, “${plain(viaText)}”` : ''}`]
  return [cue, source, isBot ? `${by}, a bot` : by, ...via, ...(url === null ? [] : [plain(url)])].join(' · ')
}

function describeOverlap({ files, symbols, lines }: NonNullable<Link['overlap']>): string {
  const named = (names: readonly string[]) => {
    const shown = names.slice(0, SHOWN_NAMES).map(plain).join(', ')
    return names.length === 0 ? '' : ` (${shown}${names.length > SHOWN_NAMES ? ', …' : ''})`
  }
  return `${files.length} file(s)${named(files)}, ${symbols.length} symbol(s)${named(symbols)}, ${lines} line(s) of the earlier one`
}

import { buildLinks, holdsChain, withOverlap } from '../domain/link.ts'
import { recordKey } from '../domain/identifiers.ts'
import { filterPulls } from '../domain/pullRequest.ts'
import { findReferences } from '../domain/reference.ts'
import { isTestPath } from '../domain/testPath.ts'
import type { Link, Reference } from '../formats/chain.ts'
import type {
  DistantLinks,
  Gathering,
  Mining,
  MiningCounts,
  MiningMode,
  MiningSettings,
  MiningSource,
} from '../formats/mining.ts'
import type { PullRequest } from '../formats/pullRequest.ts'
import type { GitPull, GitRepository } from '../git/port.ts'
import type { Fence } from '../record/fence.ts'
import { findDistantLinks } from './distantLinks.ts'
import { InvalidInputError, type Scope } from './edge.ts'
import { askInTurn, openGitWitness, type GitWitness } from './gitEvidence.ts'
import { judgeLinks, readJudgements, type LinkJudgeInput } from './judgeLinks.ts'
import type { Ports } from './ports.ts'
import { readGathered, type Gathered } from './readGathered.ts'
import { settleChains } from './settleChains.ts'

/** What a workflow payload can hold of a large repository's chains. */
const CHAINS_SHOWN = 200

/** Which repository is mined, and how. */
export interface MineInput {
  repository: string
  mirrors: string | null
  mode: MiningMode
  source: MiningSource
  /** Nobody is asked: what was fetched before is linked again. */
  isOffline: boolean
  /** Shortest and longest chain. */
  min: number
  max: number
  /** Where chains of neighbours in time are laid; 0 when absent. */
  seed?: number
  /** What becomes of links that no text states; `none` when absent. */
  distant?: DistantLinks
  /** The model that is asked about each link; nobody when absent. */
  judge?: LinkJudgeInput | null
}

/** What linking came to. */
export interface Linked {
  references: number
  chainCount: number
  /** How many of the chains an earlier mining stored with other links: they stay as they are. */
  outdatedCount: number
  /** The ids of the chains, at most the first 200. */
  chains: string[]
}

/** What is linked: a mining's own number, and that of its gathering. */
export type LinkInput = MineInput & { n: number; gathering: number }

/**
 * Links what was gathered and stores the chains that git agrees with. Once for a mining: what it asked of git and of a
 * model is on record, so that starting again asks for what is missing alone. (The paper's step A.)
 */
export async function linkChains(
  ports: Ports,
  input: LinkInput,
  scope: Scope & { claim: () => Promise<Fence> },
): Promise<Linked> {
  const { repository: name, n, gathering: from, min, max, mode, seed = 0, distant = 'none', judge = null } = input
  const key = recordKey.mining(name, n)
  const known = await ports.store.getRecord<Mining>(key)
  if (known) return summarize(known)

  const gathering = await ports.store.getRecord<Gathering>(recordKey.gathering(name, from))
  if (!gathering) throw new InvalidInputError(`${name} was not gathered: the store has no gathering ${from} of it`)
  const gathered = await readGathered(ports.store, gathering, (shard, of) => scope.report({ 'read shard': shard, of }))
  const repository = await ports.git.open(name, input.mirrors)
  const { inGit, heads } = await readProven(repository, gathered.pulls)
  scope.signal.throwIfAborted()
  const { kept, counts, dropped } = filterPulls(gathered.pulls, (number) => inGit.has(number))
  scope.report({ 'reading the texts of': gathered.pulls.length })
  const references = findReferences(gathered.pulls, gathered.issues, heads.keys())
  const witness = await openGitWitness(ports.store, repository)
  const isKept = new Set(kept.map(({ number }) => number))
  const stated = await addOverlaps({ links: buildLinks(references), isKept, inGit, witness, scope })
  const proposed =
    distant === 'none'
      ? []
      : await findDistantLinks({
          kept: [...inGit.values()].filter(({ number }) => isKept.has(number)),
          stated,
          witness,
          scope,
        })
  const isDistantAllowed = distant === 'chain'
  const links = await judgeAll([...stated, ...proposed])
  const settled = await settleChains(ports, {
    ...{ repository, mode, min, max, seed, isDistantAllowed, kept, links, scope },
    read: gathered.read,
    facts: gathering.facts,
    knownUnresolved: await unresolvedBefore(ports, name, from),
  })

  const settings: MiningSettings = { min, max, seed, distant, judgeModel: judge?.model ?? null }
  const mining: Mining = {
    format: 'prchain.mining/2',
    repository: name,
    mode,
    minedAt: new Date().toISOString(),
    gathering: from,
    settings,
    counts: countMining({ gathered, kept, references, links }),
    cues: Object.fromEntries([...Map.groupBy(references, ({ cue }) => cue)].map(([cue, some]) => [cue, some.length])),
    links: await putLines(ports, links),
    removed: counts,
    dropped: await putLines(ports, dropped),
    unresolved: settled.unresolved,
    outdated: settled.outdated,
    chains: settled.chains.sort(),
  }
  await ports.store.putRecord(key, mining)
  return summarize(mining)

  /** The links, with a model's judgement of those that could hold a chain, when one is asked. */
  async function judgeAll(found: readonly Link[]): Promise<Link[]> {
    if (judge === null) return [...found]
    const asked = found.filter(
      (link) => holdsChain(link, { isDistantAllowed: true }) && isKept.has(link.from) && isKept.has(link.to),
    )
    const titles = new Map(kept.map(({ number, title }) => [number, title]))
    const judged = await judgeLinks(ports, {
      ...{ repository, n, judge, links: asked, scope },
      known: await readJudgements(ports, name, judge),
      fence: await scope.claim(),
      changeOf: (number) => {
        const change = inGit.get(number)
        return change ? { ...change, title: titles.get(number) ?? '' } : null
      },
    })
    const answers = new Map(asked.map((link, index) => [link, judged[index]!]))
    return found.map((link) => answers.get(link) ?? link)
  }
}

/** The pull requests of which git agrees that the number is theirs, as it has them, and the heads of all. */
async function readProven(
  repository: GitRepository,
  pulls: readonly PullRequest[],
): Promise<{ inGit: ReadonlyMap<number, GitPull>; heads: ReadonlyMap<number, string> }> {
  const merges = pulls.flatMap(({ number, mergeCommitSha, headSha, baseRef }) =>
    mergeCommitSha === null ? [] : [{ number, mergeCommitSha, headSha, baseRef }],
  )
  const { merged, heads } = await repository.pullHistory(merges)
  const proven = merged.filter(({ isProven }) => isProven)
  return { inGit: new Map(proven.map((pull) => [pull.number, pull])), heads }
}

/** What the two changes of each link have in common, where something speaks for it and both can be stages. */
async function addOverlaps(options: {
  links: readonly Link[]
  isKept: ReadonlySet<number>
  inGit: ReadonlyMap<number, GitPull>
  witness: GitWitness
  scope: Scope
}): Promise<Link[]> {
  const { isKept, inGit, witness, scope } = options
  const links = [...options.links]
  const places = [...links.keys()].filter((place) => {
    const { from, to, score } = links[place]!
    return score > 0 && isKept.has(from) && isKept.has(to)
  })
  let asked = 0
  await askInTurn(places, async (place) => {
    scope.signal.throwIfAborted()
    scope.report({ 'compared pairs': asked++, of: places.length })
    const link = links[place]!
    const overlap = await witness.overlap(inGit.get(link.to)!, inGit.get(link.from)!)
    if (overlap) links[place] = withOverlap(link, overlap)
  })
  await witness.flush()
  return links
}

function countMining(found: {
  gathered: Gathered
  kept: readonly PullRequest[]
  references: readonly Reference[]
  links: readonly Link[]
}): MiningCounts {
  const { gathered, kept, references, links } = found
  const pairs = links.filter(({ kind }) => kind === 'stated')
  return {
    pullRequests: gathered.pulls.length,
    merged: gathered.pulls.filter(({ isMerged }) => isMerged).length,
    effective: kept.length,
    withTests: kept.filter(({ files }) => files?.some(({ path }) => isTestPath(path))).length,
    reviewed: kept.filter(({ number }) => gathered.reviewed.has(number)).length,
    issues: gathered.issueCount,
    references: references.length,
    pairs: pairs.length,
    links: pairs.filter((link) => holdsChain(link)).length,
    distant: links.length - pairs.length,
    judged: links.filter(({ judgement }) => judgement !== null).length,
    refused: links.filter(({ judgement }) => judgement?.isLink === false).length,
  }
}

/** Pull requests that earlier minings of the same gathering found git at odds with: the same chains come of the same. */
async function unresolvedBefore(ports: Ports, repository: string, gathering: number): Promise<Mining['unresolved']> {
  const found = new Map<number, Mining['unresolved'][number]>()
  for (const key of await ports.store.listRecords(recordKey.minings(repository))) {
    const mining = (await ports.store.getRecord<Mining>(key))!
    if (mining.gathering === gathering) for (const one of mining.unresolved) found.set(one.number, one)
  }
  return [...found.values()]
}

function putLines(ports: Ports, values: readonly unknown[]): ReturnType<Ports['store']['putBlob']> {
  return ports.store.putBlob(values.map((value) => JSON.stringify(value)).join('\n'))
}

function summarize(mining: Mining): Linked {
  return {
    references: mining.counts.references,
    chainCount: mining.chains.length,
    outdatedCount: mining.outdated.length,
    chains: mining.chains.slice(0, CHAINS_SHOWN),
  }
}

import { canonicalJson } from '../domain/canonical.ts'
import { chainId, recordKey } from '../domain/identifiers.ts'
import { isTestPath } from '../domain/testPath.ts'
import type { Chain, Link, Stage } from '../formats/chain.ts'
import type { RepositoryFacts } from '../formats/mining.ts'
import type { PullRequest } from '../formats/pullRequest.ts'
import type { GitRepository } from '../git/port.ts'
import type { Pull, ResolvedStage } from '../git/reference.ts'
import type { Store } from '../store/port.ts'

/** Joins a pull request's commits, as git has them, to its evidence. */
export type ResolveStage = (repository: GitRepository, pull: Pull) => Promise<ResolvedStage>

/** A chain with its commits and reference patches, from pull requests in order. Stores blobs, not the chain. Throws GitError. */
export async function resolveChain(
  ports: { store: Store; resolveStage: ResolveStage },
  given: {
    repository: GitRepository
    pulls: readonly PullRequest[]
    id: string | null
    source: Chain['source']
    mode: Chain['mode']
    shape: Chain['shape']
    links: Link[]
    /** Of the repository when it was mined; read from the newest stage's tree where absent. */
    facts?: Pick<RepositoryFacts, 'license' | 'languages'>
  },
): Promise<Chain> {
  const { store, resolveStage } = ports
  const { repository, pulls, id, source, mode, shape, links } = given
  const stages: Stage[] = []
  for (const pull of pulls) {
    const resolved = await resolveStage(repository, pull)
    stages.push({
      number: pull.number,
      title: pull.title,
      url: pull.url,
      mergedAt: resolved.mergedAt,
      style: resolved.style,
      baseSha: resolved.baseSha,
      resultSha: resolved.resultSha,
      headSha: resolved.headSha,
      files: resolved.changes,
      testFiles: resolved.changes
        .flatMap(({ path, oldPath }) => [path, oldPath])
        .filter((path) => path !== null && isTestPath(path)) as string[],
      flags: resolved.flags,
      patch: await store.putBlob(resolved.patch),
      pullRequest: await store.putBlob(JSON.stringify(pull)),
    })
  }
  const { license, languages } = given.facts ?? (await readFacts(repository, stages))
  return {
    format: 'prchain.chain/1',
    id:
      id ??
      chainId(
        repository.name,
        pulls.map((pull) => pull.number),
        mode,
      ),
    repository: repository.name,
    source,
    mode,
    shape,
    license,
    languages,
    links,
    stages,
  }
}

async function readFacts(
  repository: GitRepository,
  stages: readonly Stage[],
): Promise<Pick<RepositoryFacts, 'license' | 'languages'>> {
  const newest = stages.reduce((last, stage) => (stage.mergedAt > last.mergedAt ? stage : last)).resultSha
  return { license: await repository.license(newest), languages: await repository.languages(newest) }
}

/** Puts a chain into the store under its id. A chain that is there already stays; `isSame` says whether it is this one. */
export async function storeChain(store: Store, chain: Chain): Promise<{ isNew: boolean; isSame: boolean }> {
  const { isNew, value } = await store.putRecord(recordKey.chain(chain.id), chain)
  return { isNew, isSame: canonicalJson(value) === canonicalJson(chain) }
}

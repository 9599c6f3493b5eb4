import { serveGitHub, type LoopbackGitHub, type ServerOptions } from '../../src/github/recordedServer.ts'
import { hostSkeleton, type ChangingRepository } from './corpus/hosted.ts'
import { buildMirror } from './corpus/mirror.ts'
import { PAPER_PLANS, planOf } from './corpus/plan.ts'
import { layOut } from './corpus/skeleton.ts'
import type { Oddities } from './corpus/written.ts'

/** A running loopback GitHub of generated repositories. */
export interface GeneratedGitHub extends LoopbackGitHub {
  /** A week goes by: `share` of a repository's pull requests change. Returns their numbers. */
  changeSome(repository: string, share: number): Promise<number[]>
}

/**
 * Serves generated repositories: the paper's nine by default, with the paper's counts unless `pullRequests` says
 * otherwise. One is laid out when it is first asked for. With `mirrorsDir` each gets a bare repository there whose
 * commits and `refs/pull/N/head` are those that the server names; `commentCounts` gives pull requests so many comments.
 */
export async function startGeneratedGitHub({
  seed,
  repositories = PAPER_PLANS.map(({ name }) => name),
  pullRequests,
  mirrorsDir = null,
  oddities = {},
  commentCounts = {},
  ...options
}: ServerOptions & {
  seed: number
  repositories?: readonly string[]
  pullRequests?: number
  mirrorsDir?: string | null
  oddities?: Oddities
  commentCounts?: Readonly<Record<number, number>>
}): Promise<GeneratedGitHub> {
  const laidOut = new Map<string, Promise<ChangingRepository>>()
  const layOutOnce = (name: string) => {
    const known = laidOut.get(name)
    if (known) return known
    const made = (async () => {
      const skeleton = layOut(planOf(name, pullRequests), seed)
      for (const [number, count] of Object.entries(commentCounts)) skeleton.bones[Number(number)]!.comments = count
      const built = mirrorsDir === null ? null : await buildMirror(skeleton, mirrorsDir)
      return hostSkeleton(skeleton, { built, oddities })
    })()
    laidOut.set(name, made)
    return made
  }
  if (mirrorsDir !== null) for (const name of repositories) await layOutOnce(name)
  const find = async (owner: string, name: string) => {
    const asked = `${owner}/${name}`.toLowerCase()
    const known = repositories.find((one) => one.toLowerCase() === asked)
    return known === undefined ? null : layOutOnce(known)
  }
  const server = await serveGitHub(
    {
      find,
      async findById(id) {
        for (const made of laidOut.values()) if ((await made).id === id) return made
        return null
      },
    },
    options,
  )
  return {
    ...server,
    async changeSome(repository, share) {
      return (await layOutOnce(repository)).changeSome(share)
    },
  }
}

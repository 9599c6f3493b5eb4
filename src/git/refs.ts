import type { Scratch } from './scratch.ts'

/** The branches and pull requests' heads that a mirror has. */
export interface MirrorRefs {
  /** The branch that `HEAD` names, or `main` or `master`; null where the mirror has none of them. */
  defaultBranch: string | null
  /** Commits by branch, without `refs/heads/`. */
  branches: ReadonlyMap<string, string>
  /** `refs/pull/N/head` by N, in order of the numbers. */
  heads: ReadonlyMap<number, string>
}

/** Reads a mirror's refs. */
export async function readRefs({ git, name, mirror }: Scratch): Promise<MirrorRefs> {
  const at = { about: name, gitDir: mirror.dir }
  const format = '--format=%(objectname) %(refname)'
  const { stdout } = await git.run(['for-each-ref', format, 'refs/heads', 'refs/pull'], at)
  const branches = new Map<string, string>()
  const heads = new Map<number, string>()
  for (const line of stdout.toString('utf8').split('\n')) {
    const [, sha, branch, number] = /^([0-9a-f]{40}) refs\/(?:heads\/(.+)|pull\/(\d+)\/head)$/.exec(line) ?? []
    if (branch !== undefined) branches.set(branch, sha!)
    else if (number !== undefined) heads.set(Number(number), sha!)
  }
  const head = await git.run(['symbolic-ref', '--quiet', 'HEAD'], { ...at, okCodes: [0, 1] })
  const named = head.stdout.toString('utf8').trim().replace('refs/heads/', '')
  const defaultBranch = [named, 'main', 'master'].find((branch) => branches.has(branch)) ?? null
  return { defaultBranch, branches, heads: new Map([...heads].sort(([a], [b]) => a - b)) }
}

import { GitError } from './port.ts'
import type { Scratch } from './scratch.ts'

/** The branches and pull requests' heads that a mirror has. */
export interface MirrorRefs {
  /** The branch that `HEAD` names, or `main` or `master`. */
  defaultBranch: string
  /** Commits by branch, without `refs/heads/`. */
  branches: ReadonlyMap<string, string>
  /** `refs/pull/N/head` by N, in order of the numbers. */
  heads: ReadonlyMap<number, string>
}

/** Reads a mirror's refs. Throws {@link GitError} `missing` when it has no default branch. */
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
  const defaultBranch = [named, 'main', 'master'].find((branch) => branches.has(branch))
  if (defaultBranch === undefined) {
    throw new GitError(
      'missing',
      `the mirror of ${name} has no branch ${named || 'main'}, which its HEAD names; fetch +refs/heads/* there`,
    )
  }
  return { defaultBranch, branches, heads: new Map([...heads].sort(([a], [b]) => a - b)) }
}

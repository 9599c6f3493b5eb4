import type { Commit } from './port.ts'
import { checkName, inScratch, type Scratch } from './scratch.ts'

const HEX = /^[0-9a-f]{4,40}$/

/** The commit of a full or abbreviated object name in the mirror, or null when it has none or several. */
export async function readCommit(scratch: Scratch, sha: string): Promise<Commit | null> {
  if (!HEX.test(sha)) return null
  const { stdout } = await scratch.git.run(['cat-file', '--batch'], {
    ...inScratch(scratch),
    // The mirror's objects alone, but under our own settings: commits that we made are no part of the history.
    objectDir: scratch.mirror.objectsDir,
    input: `${sha}^{commit}\n`,
  })
  const head = stdout.subarray(0, stdout.indexOf('\n')).toString('latin1')
  const [, name, size] = /^([0-9a-f]{40}) commit (\d+)$/.exec(head) ?? []
  if (name === undefined) return null
  const {
    author: _,
    authored: __,
    ...commit
  } = parseCommit(name, stdout.subarray(head.length + 1, head.length + 1 + Number(size)))
  return commit
}

/** The head of pull request N from the mirror's `refs/pull/N/head`, or null. */
export async function readPullHead(scratch: Scratch, number: number): Promise<string | null> {
  const args = ['rev-parse', '--verify', '--quiet', `refs/pull/${number}/head`]
  const { git, name, mirror } = scratch
  const { code, stdout } = await git.run(args, { about: name, gitDir: mirror.dir, okCodes: [0, 1] })
  return code === 0 ? stdout.toString('latin1').trim() : null
}

/** The best common ancestor of two commits, or null when they have none. */
export async function findMergeBase(scratch: Scratch, a: string, b: string): Promise<string | null> {
  const args = ['merge-base', checkName(scratch, a), checkName(scratch, b)]
  const { code, stdout } = await scratch.git.run(args, { ...inScratch(scratch), okCodes: [0, 1] })
  return code === 0 ? stdout.toString('latin1').trim() : null
}

/** The commits in `base..head`, oldest first. `author` is the name that the commit carries. */
export async function readLog(
  scratch: Scratch,
  base: string,
  head: string,
): Promise<{ sha: string; message: string; author: string }[]> {
  const range = `${checkName(scratch, base)}..${checkName(scratch, head)}`
  const args = [
    'log',
    '-z',
    '--reverse',
    '--topo-order',
    '--no-mailmap',
    '--encoding=UTF-8',
    '--format=%H%n%an%n%B',
    range,
  ]
  const { stdout } = await scratch.git.run(args, inScratch(scratch))
  return stdout
    .toString('utf8')
    .split('\0')
    .filter((entry) => entry !== '')
    .map((entry) => {
      const [sha = '', author = '', ...message] = entry.split('\n')
      return { sha, author, message: message.join('\n').trimEnd() }
    })
}

/** A commit with who wrote it. */
export interface CommitText extends Commit {
  /** The author's name. */
  author: string
  /** The author's name, address and date as the commit carries them: what a rebase leaves as it is. */
  authored: string
}

/** Reads a commit object. */
export function parseCommit(sha: string, raw: Buffer): CommitText {
  const end = raw.indexOf('\n\n')
  const fields = raw.toString('latin1', 0, end).split('\n')
  const all = (name: string) =>
    fields.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1))
  const seconds = Number(/ (-?\d+) [+-]\d{4}$/.exec(all('committer')[0] ?? '')?.[1] ?? 0)
  const encoding = all('encoding')[0]
  const authored = decode(Buffer.from(all('author')[0] ?? '', 'latin1'), encoding)
  return {
    sha,
    author: authored.replace(/ *<[^>]*>.*$/, ''),
    authored,
    tree: all('tree')[0] ?? '',
    parents: all('parent'),
    committedAt: new Date(seconds * 1000).toISOString().replace('.000Z', 'Z'),
    message: decode(raw.subarray(end + 2), encoding).trimEnd(),
  }
}

function decode(message: Buffer, encoding = 'utf-8'): string {
  try {
    return new TextDecoder(encoding).decode(message)
  } catch {
    // An encoding that no one knows: bytes are better than nothing.
    return message.toString('latin1')
  }
}

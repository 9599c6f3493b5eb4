import { parseCommit, type CommitText } from './history.ts'
import { inScratch, type Scratch } from './scratch.ts'

const AT_ONCE = 10_000

/** Author, dates and message of commits, by full object name, some thousand to a git process. Absent ones are left out. */
export async function readCommitTexts(scratch: Scratch, shas: Iterable<string>): Promise<Map<string, CommitText>> {
  const wanted = [...new Set(shas)]
  const texts = new Map<string, CommitText>()
  for (let start = 0; start < wanted.length; start += AT_ONCE) {
    const { stdout } = await scratch.git.run(['cat-file', '--batch', '--buffer'], {
      ...inScratch(scratch),
      input: `${wanted.slice(start, start + AT_ONCE).join('\n')}\n`,
    })
    for (let at = 0; at < stdout.length;) {
      const end = stdout.indexOf(0x0a, at)
      const [sha = '', type, size] = stdout.toString('latin1', at, end).split(' ')
      at = end + 1
      if (size === undefined) continue
      if (type === 'commit') texts.set(sha, parseCommit(sha, stdout.subarray(at, at + Number(size))))
      at += Number(size) + 1
    }
  }
  return texts
}

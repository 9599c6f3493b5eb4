import { readHunks, type FileHunks } from './hunks.ts'
import { sourceOf } from './overlap.ts'
import type { ChangeRange } from './port.ts'
import { checkName, inScratch, type Scratch } from './scratch.ts'

const MOST_FILES = 8
const MOST_RUNS = 40

/** Who wrote the lines that a change replaces. See {@link GitRepository.replacedAuthors}. */
export async function findReplacedAuthors(
  scratch: Scratch,
  change: ChangeRange,
  { limitMs = 5_000 }: { limitMs?: number } = {},
): Promise<{ commits: { sha: string; lines: number }[]; isWhole: boolean }> {
  const [files = []] = await readHunks(scratch, [change])
  const changed = sourceOf(files)
    .filter((file) => replaced(file) > 0)
    .sort((a, b) => replaced(b) - replaced(a))
  const lines = new Map<string, number>()
  const until = performance.now() + limitMs
  let isWhole = changed.length <= MOST_FILES
  for (const file of changed.slice(0, MOST_FILES)) {
    const runs = file.hunks.filter(({ oldCount }) => oldCount > 0)
    if (runs.length > MOST_RUNS) isWhole = false
    const blamed = await blame(
      scratch,
      change.baseSha,
      file.oldPath!,
      runs.slice(0, MOST_RUNS),
      until - performance.now(),
    )
    if (blamed === null) {
      isWhole = false
      break
    }
    for (const sha of blamed) lines.set(sha, (lines.get(sha) ?? 0) + 1)
  }
  const commits = [...lines].map(([sha, count]) => ({ sha, lines: count }))
  return { commits: commits.sort((a, b) => b.lines - a.lines || (a.sha < b.sha ? -1 : 1)), isWhole }
}

/** The commit of each line, by the target branch's own commits; null when there was no time for it. */
async function blame(
  scratch: Scratch,
  base: string,
  path: string,
  runs: readonly { oldStart: number; oldCount: number }[],
  leftMs: number,
): Promise<string[] | null> {
  // Arguments are text: git could not be given another path.
  if (leftMs <= 0 || !path.isWellFormed()) return null
  const ranges = runs.flatMap(({ oldStart, oldCount }) => ['-L', `${oldStart},+${oldCount}`])
  const args = ['blame', '--first-parent', '--porcelain', ...ranges, checkName(scratch, base), '--']
  const { child, ended } = scratch.git.start([...args, path], inScratch(scratch))
  const timer = setTimeout(() => child.kill('SIGKILL'), leftMs)
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stdin.end()
  try {
    await ended
  } catch (error) {
    if (child.signalCode === 'SIGKILL') return null
    throw error
  } finally {
    clearTimeout(timer)
  }
  const lines = Buffer.concat(chunks).toString('latin1').split('\n')
  return lines.flatMap((line) => /^([0-9a-f]{40}) \d+ \d+/.exec(line)?.[1] ?? [])
}

function replaced({ hunks }: FileHunks): number {
  return hunks.reduce((sum, { oldCount }) => sum + oldCount, 0)
}

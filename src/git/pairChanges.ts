import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { splitFields } from './diff.ts'
import { describeObjects } from './objectReader.ts'
import { comparePaths, pathFromBytes } from './path.ts'
import { GitError, type PullFile } from './port.ts'
import { inScratch, type Scratch } from './scratch.ts'

const AT_ONCE = 1_000
const COMPARE = ['diff-tree', '--stdin', '--always', '-r', '-z', '--raw', '--no-abbrev', '--ignore-submodules=none']
const COUNTED = [...COMPARE, '-M', '--numstat', '--diff-algorithm=myers', '--no-ext-diff', '--no-textconv']
const NO_OBJECT = '0'.repeat(40)
const SUBMODULE = '160000'

/** How the files of one commit became those of another. */
export interface PairChanges {
  /** In path order. Renames are told apart, and lines counted, where both were asked for and the mirror has the content. */
  files: PullFile[]
  /** The same for two pairs that change the same paths from the same content to the same content. */
  print: string
  /** The mirror lacks content that counting takes. */
  lacksContent: boolean
}

interface RawFile extends PullFile {
  oldMode: string
  newMode: string
  oldObject: string
  newObject: string
}

/**
 * Compares many pairs of commits, a thousand to a git process and as many processes as there are processors (four at
 * most). The answers stand as the pairs do. Content is read only to count lines and find renames, and where some is
 * missing, of those pairs alone neither is done.
 */
export async function comparePairs(
  scratch: Scratch,
  pairs: readonly { base: string; result: string }[],
  { hasCounts }: { hasCounts: boolean },
): Promise<PairChanges[]> {
  const answers: PairChanges[] = Array.from({ length: pairs.length })
  let start = 0
  async function work(): Promise<void> {
    while (start < pairs.length) {
      const first = start
      start += AT_ONCE
      const some = await compareSome(scratch, pairs.slice(first, first + AT_ONCE), hasCounts)
      some.forEach((changes, index) => (answers[first + index] = changes))
    }
  }
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, work))
  return answers
}

async function compareSome(
  scratch: Scratch,
  pairs: readonly { base: string; result: string }[],
  hasCounts: boolean,
): Promise<PairChanges[]> {
  if (!hasCounts) return (await compareOnce(scratch, pairs, COMPARE)).map((files) => summarize(files, false))
  try {
    return (await compareOnce(scratch, pairs, COUNTED)).map((files) => summarize(files, false))
  } catch (cause) {
    const plain = await compareOnce(scratch, pairs, COMPARE)
    const absent = await findAbsent(scratch, plain.flat())
    const isAbsent = ({ oldObject, newObject }: RawFile) => absent.has(oldObject) || absent.has(newObject)
    const whole = pairs.filter((_, index) => !plain[index]!.some(isAbsent))
    if (whole.length === pairs.length) throw cause
    const counted = (await compareOnce(scratch, whole, COUNTED)).values()
    return plain.map((files) =>
      files.some(isAbsent) ? summarize(files, true) : summarize(counted.next().value as RawFile[], false),
    )
  }
}

/** The objects of files that the mirror lacks; submodules' commits are never its own. */
async function findAbsent(scratch: Scratch, files: readonly RawFile[]): Promise<Set<string>> {
  const wanted = new Set<string>()
  for (const { oldMode, newMode, oldObject, newObject } of files) {
    if (oldMode !== SUBMODULE) wanted.add(oldObject)
    if (newMode !== SUBMODULE) wanted.add(newObject)
  }
  wanted.delete(NO_OBJECT)
  const objects = [...wanted]
  const found = await describeObjects(scratch, objects)
  return new Set(objects.filter((_, index) => found[index] === null))
}

async function compareOnce(
  scratch: Scratch,
  pairs: readonly { base: string; result: string }[],
  command: readonly string[],
): Promise<RawFile[][]> {
  if (pairs.length === 0) return []
  const { stdout } = await scratch.git.run(command, {
    ...inScratch(scratch),
    // A commit with its parents replaced by the one that it is compared with.
    input: pairs.map(({ base, result }) => `${result} ${base}\n`).join(''),
  })
  const answers = parsePairs(stdout)
  if (answers.length === pairs.length) return answers
  throw new GitError(
    'failed',
    `git compared ${answers.length} of ${pairs.length} pairs of commits of ${scratch.name}; is its mirror whole?`,
  )
}

/** Reads `--always --raw [--numstat] -z`: for each pair its commit, raw entries, then counts. */
function parsePairs(output: Buffer): RawFile[][] {
  const fields = splitFields(output)
  const pairs: RawFile[][] = []
  let byPath = new Map<string, RawFile>()
  let files: RawFile[] = []
  let index = 0
  const next = () => pathFromBytes(fields[index++] ?? Buffer.alloc(0))
  while (index < fields.length) {
    const head = next()
    if (head.startsWith(':')) {
      const [oldMode = '', newMode = '', oldObject = '', newObject = '', status = ''] = head.slice(1).split(' ')
      const oldPath = status.startsWith('R') ? next() : null
      const path = next()
      const file = { path, oldPath, additions: null, deletions: null, oldMode, newMode, oldObject, newObject }
      files.push(file)
      byPath.set(path, file)
      continue
    }
    const counts = /^(\d+|-)\t(\d+|-)\t/.exec(head)
    if (!counts) {
      pairs.push((files = []))
      byPath = new Map()
      continue
    }
    let path = head.slice(counts[0].length)
    if (path === '') {
      next()
      path = next()
    }
    const file = byPath.get(path)
    if (!file || counts[1] === '-') continue
    file.additions = Number(counts[1])
    file.deletions = Number(counts[2])
  }
  return pairs
}

function summarize(files: readonly RawFile[], lacksContent: boolean): PairChanges {
  const sides = files.flatMap(({ path, oldPath, oldObject, newObject }) =>
    oldPath === null
      ? [`${path}\0${oldObject}\0${newObject}`]
      : [`${oldPath}\0${oldObject}\0${NO_OBJECT}`, `${path}\0${NO_OBJECT}\0${newObject}`],
  )
  return {
    files: files
      .map(({ path, oldPath, additions, deletions }) => ({ path, oldPath, additions, deletions }))
      .sort((a, b) => comparePaths(a.path, b.path)),
    print: createHash('sha1').update(sides.sort().join('\n')).digest('base64'),
    lacksContent,
  }
}

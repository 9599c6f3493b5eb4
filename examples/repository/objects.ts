import { join } from 'node:path'
import spawn, { SubprocessError } from 'nano-spawn'
import type { ExampleFile, Person } from './history.ts'

/** A tree's entries by path: mode and object, as `git ls-tree` writes them. */
export type Entries = Map<string, { mode: string; object: string }>

/** Who signs a commit and when. */
export interface Signature extends Pick<Person, 'name' | 'email'> {
  date: string
}

/** How one file changed between two trees. Lines are null for a binary file. */
export interface Change {
  path: string
  oldPath: string | null
  status: 'added' | 'removed' | 'modified' | 'renamed'
  additions: number | null
  deletions: number | null
}

/** Writes git objects of one bare repository. What it writes depends on its arguments alone. */
export interface Objects {
  /** Stores the content of files as they are; one object name per file. */
  writeBlobs(files: readonly ExampleFile[]): Promise<string[]>
  writeTree(entries: Entries): Promise<string>
  readTree(tree: string): Promise<Entries>
  /** The tree that the changes from `from` to `to` make of another one. Throws when they do not apply. */
  transplant(changes: { from: string; to: string; onto: string }): Promise<string>
  writeCommit(commit: {
    tree: string
    parents: string[]
    author: Signature
    committer: Signature
    message: string
  }): Promise<string>
  /** The changes between two commits or trees, with renames found, in path order. */
  listChanges(from: string, to: string): Promise<Change[]>
  setRef(name: string, sha: string): Promise<void>
}

/** What git reads from its surroundings, switched off: a hook's variables, the user's settings, templates. */
const NEUTRAL = {
  GIT_DIR: undefined,
  GIT_WORK_TREE: undefined,
  GIT_COMMON_DIR: undefined,
  GIT_OBJECT_DIRECTORY: undefined,
  GIT_ALTERNATE_OBJECT_DIRECTORIES: undefined,
  GIT_NAMESPACE: undefined,
  GIT_CONFIG: undefined,
  GIT_CONFIG_PARAMETERS: undefined,
  GIT_CONFIG_COUNT: undefined,
  GIT_DEFAULT_HASH: undefined,
  GIT_TEMPLATE_DIR: undefined,
  GIT_REPLACE_REF_BASE: undefined,
  GIT_GRAFT_FILE: undefined,
  GIT_SHALLOW_FILE: undefined,
  GIT_EXTERNAL_DIFF: undefined,
  GIT_DIFF_OPTS: undefined,
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_TERMINAL_PROMPT: '0',
  LC_ALL: 'C',
  TZ: 'UTC',
}

/** Makes an empty bare repository in a new folder and opens it. `scratch` is a folder for index files. Needs git 2.28. */
export async function createObjects(options: { dir: string; scratch: string }): Promise<Objects> {
  const { dir, scratch } = options
  const index = { GIT_INDEX_FILE: join(scratch, 'index') }

  async function git(args: string[], given: { stdin?: string; env?: Record<string, string> } = {}): Promise<string> {
    const { stdout } = await spawn('git', args, {
      cwd: scratch,
      env: { ...NEUTRAL, ...given.env },
      stdin: { string: given.stdin ?? '' },
    }).catch((cause: unknown) => {
      const said = cause instanceof SubprocessError && cause.stderr !== '' ? cause.stderr : String(cause)
      throw new Error(`git ${args.filter((arg) => !arg.startsWith('--git-dir')).join(' ')}: ${said}`, { cause })
    })
    return stdout
  }
  const inside = (args: string[], given?: Parameters<typeof git>[1]) => git([`--git-dir=${dir}`, ...args], given)

  async function writeTree(entries: Entries): Promise<string> {
    await inside(['read-tree', '--empty'], { env: index })
    const stdin = [...entries].map(([path, { mode, object }]) => `${mode} ${object}\t${path}\0`).join('')
    await inside(['update-index', '-z', '--index-info'], { env: index, stdin })
    return inside(['write-tree'], { env: index })
  }

  await git(['init', '--quiet', '--bare', '--object-format=sha1', '--initial-branch=main', '--template=', dir])
  return {
    async writeBlobs(files) {
      const stdin = files.map(({ source }) => `${source}\n`).join('')
      const names = await inside(['hash-object', '-w', '--no-filters', '--stdin-paths'], { stdin })
      return names.split('\n').slice(0, files.length)
    },
    writeTree,
    async readTree(tree) {
      const listed = (await inside(['ls-tree', '-r', '-z', tree])).split('\0').filter((line) => line !== '')
      return new Map(
        listed.map((line) => {
          const [, mode, object, path] = /^(\d+) \w+ (\w+)\t(.*)$/s.exec(line)!
          return [path!, { mode: mode!, object: object! }]
        }),
      )
    },
    async transplant({ from, to, onto }) {
      // The last line feed is taken off the output of a command, and a patch needs it.
      const patch = `${await inside(['diff-tree', '-r', '-p', '--binary', '--full-index', '--no-renames', from, to])}\n`
      await inside(['read-tree', onto], { env: index })
      await inside(['apply', '--cached', '--whitespace=nowarn', '-'], { env: index, stdin: patch })
      return inside(['write-tree'], { env: index })
    },
    writeCommit({ tree, parents, author, committer, message }) {
      const signed = (role: string, { name, email, date }: Signature) => ({
        [`GIT_${role}_NAME`]: name,
        [`GIT_${role}_EMAIL`]: email,
        [`GIT_${role}_DATE`]: date,
      })
      return inside(['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent]), '-F', '-'], {
        env: { ...signed('AUTHOR', author), ...signed('COMMITTER', committer) },
        stdin: `${message.trimEnd()}\n`,
      })
    },
    async listChanges(from, to) {
      const raw = (await inside(['diff-tree', '-r', '-z', '-M', '--name-status', from, to])).split('\0')
      const counts = (await inside(['diff-tree', '-r', '-z', '-M', '--numstat', from, to])).split('\0')
      const changes: Change[] = []
      for (let at = 0, counted = 0; raw[at];) {
        const letter = raw[at]![0]!
        const isRename = letter === 'R'
        const [additions, deletions] = counts[counted]!.split('\t').map((count) =>
          count === '-' ? null : Number(count),
        )
        const path = raw[at + (isRename ? 2 : 1)]!
        const status = ({ A: 'added', D: 'removed', R: 'renamed' } as const)[letter] ?? 'modified'
        changes.push({
          path,
          oldPath: isRename ? raw[at + 1]! : null,
          status,
          additions: additions!,
          deletions: deletions!,
        })
        at += isRename ? 3 : 2
        counted += isRename ? 3 : 1
      }
      return changes.sort((a, b) => (a.path < b.path ? -1 : 1))
    },
    async setRef(name, sha) {
      await inside(['update-ref', name, sha])
    },
  }
}

import { randomBytes } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileChange } from '../formats/chain.ts'
import { captureTree } from './captureTree.ts'
import { exportRepository } from './exportRepository.ts'
import { runGit, type GitResult } from './gitProcess.ts'
import { GitError, type Commit, type GitRepository, type MergeOutcome } from './port.ts'
import { readChanges } from './rawDiff.ts'

const WORDS_AT_ONCE = 500

/** The folders of one repository: its mirror, only read, and the scratch store above it. */
export interface Places {
  name: string
  mirror: string
  scratch: string
  tempDir: string
}

/** A {@link GitRepository} over its places. */
export function openRepository(places: Places): GitRepository {
  const { name, mirror, scratch, tempDir } = places
  const git = (
    args: readonly string[],
    options: { input?: Buffer | string; env?: Record<string, string>; isFailureFine?: boolean } = {},
  ) => runGit(args, { gitDir: scratch, ...options })
  const text = async (args: readonly string[], options?: { input?: Buffer | string; env?: Record<string, string> }) =>
    (await git(args, options)).stdout.toString('utf8').trim()

  const repository: GitRepository = {
    name,

    async commit(sha) {
      const result = await git(['cat-file', 'commit', sha], { isFailureFine: true })
      if (result.code !== 0) return null
      const full = await text(['rev-parse', '--verify', `${sha}^{commit}`])
      return parseCommit(full, result.stdout.toString('utf8'))
    },

    async pullHead(number) {
      const result = await runGit(['rev-parse', '--verify', '--quiet', `refs/pull/${number}/head^{commit}`], {
        gitDir: mirror,
        isFailureFine: true,
      })
      return result.code === 0 ? result.stdout.toString('utf8').trim() : null
    },

    async mergeBase(a, b) {
      const result = await git(['merge-base', a, b], { isFailureFine: true })
      return result.code === 0 ? result.stdout.toString('utf8').trim() : null
    },

    async log(base, head) {
      const out = await text(['log', '--reverse', '--topo-order', '--format=%H%x1f%an%x1f%B%x00', `${base}..${head}`])
      return out
        .split('\0')
        .map((entry) => entry.trimStart())
        .filter((entry) => entry !== '')
        .map((entry) => {
          const [sha = '', author = '', message = ''] = entry.split('\x1f')
          return { sha, author, message: message.trimEnd() }
        })
    },

    async changes(from, to): Promise<FileChange[]> {
      const { stdout } = await git([
        'diff-tree',
        '-r',
        '-M',
        '--raw',
        '--numstat',
        '-z',
        '--abbrev=40',
        '--no-ext-diff',
        await treeOf(from),
        await treeOf(to),
      ])
      return readChanges(stdout)
    },

    async patch(from, to, paths) {
      const options = [
        '--binary',
        '--full-index',
        '-M',
        '--no-color',
        '--no-ext-diff',
        '--no-textconv',
        '--src-prefix=a/',
        '--dst-prefix=b/',
      ]
      const limit = paths === undefined ? [] : ['--', ...paths.map((path) => `:(literal)${path}`)]
      return (await git(['diff-tree', '-r', '-p', ...options, await treeOf(from), await treeOf(to), ...limit])).stdout
    },

    async readFile(tree, path) {
      const result = await git(['cat-file', 'blob', `${tree}:${path}`], { isFailureFine: true })
      return result.code === 0 ? result.stdout : null
    },

    async listTree(tree) {
      const { stdout } = await git(['ls-tree', '-r', '-z', '--full-tree', tree])
      return stdout
        .toString('utf8')
        .split('\0')
        .filter((line) => line !== '')
        .map((line) => {
          const [mode = '', , object = ''] = line.slice(0, line.indexOf('\t')).split(' ')
          return { path: line.slice(line.indexOf('\t') + 1), mode, object }
        })
    },

    async findWords(tree, words) {
      const found = new Set<string>()
      for (let from = 0; from < words.length; from += WORDS_AT_ONCE) {
        const some = words.slice(from, from + WORDS_AT_ONCE)
        const result = await git(['grep', '-I', '-F', '-w', '-o', '-h', '-f', '-', tree], {
          input: `${some.join('\n')}\n`,
          isFailureFine: true,
        })
        if (result.code > 1) throw failed('grep', result)
        for (const line of result.stdout.toString('utf8').split('\n')) if (line !== '') found.add(line)
      }
      return found
    },

    async missingObjects(tree) {
      const { stdout } = await git(['rev-list', '--objects', '--missing=print', '--no-walk', tree], {
        isFailureFine: true,
      })
      return stdout
        .toString('utf8')
        .split('\n')
        .filter((line) => line.startsWith('?'))
        .map((line) => line.slice(1))
    },

    async mergeTrees({ base, ours, theirs }): Promise<MergeOutcome> {
      // git 2.39 has no --merge-base: commits made for it have `base` as their parent, so it is the merge base.
      const parent = await text(['commit-tree', await treeOf(base), '-m', 'base'])
      const [left, right] = [
        await text(['commit-tree', await treeOf(ours), '-p', parent, '-m', 'ours']),
        await text(['commit-tree', await treeOf(theirs), '-p', parent, '-m', 'theirs']),
      ]
      const result = await git(['merge-tree', '--write-tree', '--name-only', '--no-messages', '-z', left, right], {
        isFailureFine: true,
      })
      const [tree = '', ...paths] = result.stdout
        .toString('utf8')
        .split('\0')
        .filter((part) => part !== '')
      if (result.code === 0) return { kind: 'clean', tree }
      if (result.code === 1) return { kind: 'conflict', tree, paths: [...new Set(paths)].sort() }
      throw failed('merge-tree', result)
    },

    async withPathsFrom(tree, source, paths) {
      if (paths.length === 0) return treeOf(tree)
      const wanted = new Set(paths)
      const entries = new Map(
        (await repository.listTree(source))
          .filter((entry) => wanted.has(entry.path))
          .map((entry) => [entry.path, entry]),
      )
      const lines = [...wanted].map((path) => {
        const entry = entries.get(path)
        return entry ? `${entry.mode} ${entry.object} 0\t${path}` : `0 ${'0'.repeat(40)}\t${path}`
      })
      return withIndex(async (env) => {
        await git(['read-tree', tree], { env })
        // Deletions first: a file may stand where a folder stood.
        await git(['update-index', '-z', '--index-info'], {
          env,
          input: `${lines.toSorted((a, b) => Number(b.startsWith('0 ')) - Number(a.startsWith('0 '))).join('\0')}\0`,
        })
        return text(['write-tree'], { env })
      })
    },

    async applyPatch(tree, patch) {
      if (patch.length === 0) return treeOf(tree)
      return withIndex(async (env) => {
        await git(['read-tree', tree], { env })
        const result = await git(['apply', '--cached', '--binary', '--whitespace=nowarn', '-'], {
          env,
          input: patch,
          isFailureFine: true,
        })
        if (result.code !== 0)
          throw new GitError(
            'does-not-apply',
            `the patch does not apply to tree ${tree} of ${name}: ${result.stderr.trim()}`,
          )
        return text(['write-tree'], { env })
      })
    },

    captureTree: (tar, options) => captureTree({ repository, places, tar, ...options }),
    exportRepository: (tree) => exportRepository({ repository, places, tree }),

    async has(object) {
      return (await git(['cat-file', '-e', object], { isFailureFine: true })).code === 0
    },
  }
  return repository

  async function treeOf(name: string): Promise<string> {
    return text(['rev-parse', '--verify', `${name}^{tree}`])
  }

  async function withIndex<T>(work: (env: Record<string, string>) => Promise<T>): Promise<T> {
    await mkdir(tempDir, { recursive: true })
    const index = join(tempDir, `index.${process.pid}.${randomBytes(6).toString('hex')}`)
    try {
      return await work({ GIT_INDEX_FILE: index })
    } finally {
      await rm(index, { force: true })
      await rm(`${index}.lock`, { force: true })
    }
  }

  function failed(what: string, result: GitResult): GitError {
    return new GitError('failed', `git ${what} ended with code ${result.code} in ${name}: ${result.stderr.trim()}`)
  }
}

function parseCommit(sha: string, text: string): Commit {
  const end = text.indexOf('\n\n')
  const headers = text.slice(0, end).split('\n')
  const all = (key: string) =>
    headers.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1))
  const seconds = Number(/> (\d+) [+-]\d{4}$/.exec(all('committer')[0] ?? '')?.[1] ?? 0)
  return {
    sha,
    tree: all('tree')[0]!,
    parents: all('parent'),
    committedAt: new Date(seconds * 1000).toISOString().replace('.000Z', 'Z'),
    message: text.slice(end + 2).trimEnd(),
  }
}

import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { instant, pullNumber } from '../../src/formats/common.ts'

const person = z.strictObject({ login: z.string(), name: z.string(), email: z.string() })
/** Somebody who takes part, with the name and address that git knows. */
export type Person = z.infer<typeof person>

const issue = z.strictObject({
  number: pullNumber,
  title: z.string(),
  author: z.string(),
  state: z.enum(['open', 'closed']),
  createdAt: instant,
  body: z.string(),
})
/** An issue of the example repository. */
export type ExampleIssue = z.infer<typeof issue>

const remark = z.strictObject({
  author: z.string(),
  at: instant,
  body: z.string(),
  /** For a review. */
  state: z.enum(['APPROVED', 'CHANGES_REQUESTED', 'COMMENTED']).optional(),
  /** For a review comment. */
  path: z.string().optional(),
})
/** Something said about a pull request: a comment, a review with its state, or a review comment with its path. */
export type Remark = z.infer<typeof remark>

const commit = z.strictObject({
  author: z.string(),
  date: instant,
  message: z.string(),
  /** Paths whose change the commit makes; the last commit has none named and makes all that are left. */
  paths: z.array(z.string()).optional(),
})
/** A commit of a pull request's branch. */
export type BranchCommit = z.infer<typeof commit>

const pull = z.strictObject({
  number: pullNumber,
  title: z.string(),
  author: z.string(),
  labels: z.array(z.string()),
  branch: z.string(),
  createdAt: instant,
  /** The pull request after whose merge the branch was begun; null when it stands on the main branch of its merge. */
  branchedFrom: pullNumber.nullable(),
  /** Paths that the pull request deletes or renames away. */
  removed: z.array(z.string()).default([]),
  /** Paths that become executable. */
  executable: z.array(z.string()).default([]),
  commits: z.array(commit).min(1),
  merge: z
    .strictObject({
      /** `merge` and `merge_title` have two parents; the second has the pull request's title for a subject. */
      style: z.enum(['squash', 'merge', 'merge_title', 'rebase']),
      by: z.string(),
      at: instant,
      /** What a squash commit says below its subject. */
      message: z.string().optional(),
    })
    .nullable(),
  closedAt: instant.optional(),
  comments: z.array(remark),
  reviews: z.array(remark),
  reviewComments: z.array(remark),
})

/** A file as it stands after a change. */
export interface ExampleFile {
  path: string
  /** Where its content is. */
  source: string
}

/** A pull request of the example repository: `pull.json`, `body.md`, and the files that it adds or changes. */
export type ExamplePull = z.infer<typeof pull> & { body: string; files: ExampleFile[] }

/** The example repository before any git: who, what was said, and what changed. */
export interface History {
  initial: { author: string; date: string; message: string; files: ExampleFile[] }
  people: Map<string, Person>
  issues: ExampleIssue[]
  /** Those that were merged in the order of their merges, then the others by number. */
  pulls: ExamplePull[]
}

const INITIAL = '00-initial'

/**
 * Reads the history that lies below a folder: `people.json`, `issues.json`, `00-initial` and one folder per pull
 * request. Throws with the name of the file that is not as it should be.
 */
export async function readHistory(dir: string): Promise<History> {
  const people = await readJson(join(dir, 'people.json'), z.array(person))
  const issues = await readJson(join(dir, 'issues.json'), z.array(issue))
  const folders = (await readdir(dir, { withFileTypes: true })).filter((entry) => entry.isDirectory())
  const pulls: ExamplePull[] = []
  for (const { name } of folders.filter((folder) => folder.name !== INITIAL)) {
    const folder = join(dir, name)
    pulls.push({
      ...(await readJson(join(folder, 'pull.json'), pull)),
      body: (await readFile(join(folder, 'body.md'), 'utf8')).trimEnd(),
      files: await listFiles(join(folder, 'files')),
    })
  }
  const initial = join(dir, INITIAL)
  return {
    initial: {
      ...(await readJson(join(initial, 'commit.json'), commit.omit({ paths: true }))),
      files: await listFiles(join(initial, 'files')),
    },
    people: new Map(people.map((one) => [one.login, one])),
    issues,
    pulls: pulls.sort((a, b) => mergeTime(a) - mergeTime(b) || a.number - b.number),
  }
}

function mergeTime(pull: ExamplePull): number {
  return pull.merge === null ? Number.MAX_SAFE_INTEGER : Date.parse(pull.merge.at)
}

async function listFiles(dir: string): Promise<ExampleFile[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  const sources = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return sources.sort().map((source) => ({ path: source.slice(dir.length + 1), source }))
}

async function readJson<T extends z.ZodType>(path: string, schema: T): Promise<z.output<T>> {
  const parsed = schema.safeParse(JSON.parse(await readFile(path, 'utf8')))
  if (!parsed.success)
    throw new Error(`${path} is not as examples/repository/history.ts says: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { repositoryName } from '../formats/common.ts'
import { isBotAccount } from '../domain/pullRequest.ts'

const json = z.record(z.string(), z.unknown())
type Json = z.infer<typeof json>
/** By pull request number; null where the recording does not have the list. */
const lists = z.record(z.string(), z.array(json).nullable()).default({})

const recording = z.object({
  repo: z.string(),
  pulls: z.record(z.string(), json),
  issue_comments: lists,
  review_comments: lists,
  reviews: lists,
  commits: lists,
  files: lists,
  timeline: lists,
  issues: z.record(z.string(), json).default({}),
})

/** The lists of a recording that belong to one pull request. */
export type RecordedList = 'issue_comments' | 'review_comments' | 'reviews' | 'commits' | 'files' | 'timeline'

/** One repository as it was recorded, in GitHub's shapes: what GitHub requires is filled in, annotations are gone. */
export interface RecordedRepository {
  name: string
  /** All pull requests, oldest number first. */
  pulls: Json[]
  pull(number: number): Json | null
  /** An issue, or a pull request as GitHub shows it among the issues. */
  issue(number: number): Json | null
  /** Null when there is no such pull request; empty when the recording lacks the list. */
  list(kind: RecordedList, number: number): Json[] | null
}

/**
 * Reads `owner__name.json` of a folder, or null when there is none. Keys that begin with `_` are annotations: times
 * that GitHub requires and the recording lacks come from them (`_merge_commit_date`, `_created_date`), `base.sha` from
 * `_mainline_parent_sha`, and none is handed on. Missing ids are made from the entry's place. Throws when the file is
 * not a recording.
 */
export async function readRecording(dir: string, owner: string, name: string): Promise<RecordedRepository | null> {
  // The names come from a URL, and a slash in one would lead out of the folder.
  if (!repositoryName.safeParse(`${owner}/${name}`).success) return null
  const path = join(dir, `${owner}__${name}.json`)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (text === null) return null
  const parsed = recording.safeParse(JSON.parse(text))
  if (!parsed.success) throw new Error(`${path} is not a recording of GitHub: ${z.prettifyError(parsed.error)}`)
  const recorded = parsed.data
  const fullName = recorded.repo
  const pulls = Object.values(recorded.pulls)
    .map((pull) => fillPull(pull, recorded))
    .sort((a, b) => Number(a.number) - Number(b.number))
  const pull = (number: number) => pulls.find((candidate) => candidate.number === number) ?? null
  return {
    name: fullName,
    pulls,
    pull,
    issue(number) {
      const issue = recorded.issues[number]
      if (issue) {
        const id = idOf(fullName, 'issue', number)
        const html_url = `https://github.com/${fullName}/issues/${number}`
        return withoutAnnotations({ id, html_url, body: null, ...issue, created_at: createdAt(issue) })
      }
      const found = pull(number)
      if (!found) return null
      const { head: _head, base: _base, merged: _merged, merge_commit_sha: _sha, ...shown } = found
      return { ...shown, pull_request: { html_url: found.html_url, merged_at: found.merged_at } }
    },
    list(kind, number) {
      const owning = pull(number)
      if (!owning) return null
      const entries = recorded[kind][number] ?? []
      return entries.map((entry, index) => {
        const id = entry.id ?? idOf(fullName, `${kind}/${number}`, index)
        const filled: Json = withoutAnnotations({ ...entry, ...fillUser(entry, fullName) })
        if (kind === 'files') return filled
        if (kind === 'commits')
          return { html_url: `https://github.com/${fullName}/commit/${String(entry.sha)}`, ...filled }
        const at = createdAt(entry) ?? owning.created_at
        return kind === 'reviews'
          ? { ...filled, id, submitted_at: filled.submitted_at ?? at }
          : { ...filled, id, created_at: at }
      })
    },
  }
}

function fillPull(pull: Json, recorded: z.infer<typeof recording>): Json {
  const key = String(pull.number)
  const commits = recorded.commits[key]
  const files = recorded.files[key]
  const mergedAt = toInstant(pull.merged_at ?? (pull.merged ? pull._merge_commit_date : null))
  const firstCommit = json.safeParse(commits?.[0]?.commit).data
  const firstDate = json.safeParse(firstCommit?.committer).data?.date
  const created = createdAt(pull) ?? toInstant(firstDate) ?? mergedAt
  return withoutAnnotations({
    ...pull,
    ...fillUser(pull, recorded.repo),
    id: pull.id ?? idOf(recorded.repo, 'pull', Number(key)),
    created_at: created,
    merged_at: mergedAt,
    closed_at: toInstant(pull.closed_at) ?? mergedAt,
    updated_at: toInstant(pull.updated_at) ?? mergedAt ?? created,
    base: {
      ...json.safeParse(pull.base).data,
      sha: json.safeParse(pull.base).data?.sha ?? pull._mainline_parent_sha ?? null,
    },
    ...(commits ? { commits: commits.length } : {}),
    ...(files ? { changed_files: files.length } : {}),
  })
}

/** A null user stays null: GitHub says so of a deleted account. */
function fillUser(entry: Json, fullName: string): Json {
  const user = json.safeParse(entry.user).data
  if (!user) return {}
  const login = String(user.login)
  const type = isBotAccount(login) ? 'Bot' : 'User'
  return { user: { id: idOf(fullName, `user/${login}`, 0), type, ...user } }
}

function createdAt(entry: Json): string | null {
  return toInstant(entry.created_at ?? entry._created_date)
}

function toInstant(date: unknown): string | null {
  const time = typeof date === 'string' ? Date.parse(date) : Number.NaN
  return Number.isNaN(time) ? null : new Date(time).toISOString().replace('.000Z', 'Z')
}

function idOf(fullName: string, kind: string, n: number): number {
  return createHash('sha256').update(`${fullName} ${kind} ${n}`).digest().readUIntBE(0, 5)
}

function withoutAnnotations<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutAnnotations) as T
  if (value === null || typeof value !== 'object') return value
  const members = Object.entries(value).filter(([key]) => !key.startsWith('_'))
  return Object.fromEntries(members.map(([key, member]) => [key, withoutAnnotations(member)])) as T
}

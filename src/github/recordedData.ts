import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { maskMarkup } from '../domain/referenceProse.ts'
import { repositoryName } from '../formats/common.ts'
import { createdAt, fillEntry, fillUser, idOf, json, latestOf, toInstant, withoutAnnotations } from './recordedFill.ts'
import type {
  HostedRepository,
  Json,
  ListedEntries,
  RepositoryHost,
  RepositoryList,
  ThreadList,
} from './recordedRepository.ts'

/** By number; null where the recording does not have the list. */
const lists = z.record(z.string(), z.array(json).nullable()).default({})

const recording = z.object({
  repo: z.string(),
  /** Fields of `GET /repos/{owner}/{repo}`, such as `default_branch` and `license`. */
  repository: json.default({}),
  pulls: z.record(z.string(), json),
  issue_comments: lists,
  review_comments: lists,
  reviews: lists,
  commits: lists,
  files: lists,
  timeline: lists,
  issues: z.record(z.string(), json).default({}),
})
type Recording = z.infer<typeof recording>

/** Finds the repositories of a folder with a file `owner__name.json` for each, read whenever one is asked for. */
export function hostRecordings(dir: string): RepositoryHost {
  return {
    find: (owner, name) => readRecording(dir, owner, name),
    async findById(id) {
      for (const file of await readdir(dir)) {
        const [owner, name] = file.replace(/\.json$/, '').split('__')
        const found = owner && name ? await readRecording(dir, owner, name) : null
        if (found?.id === id) return found
      }
      return null
    },
  }
}

/**
 * Reads `owner__name.json` of a folder, or null when there is none. Keys that begin with `_` are annotations: times
 * that GitHub requires and the recording lacks come from them (`_merge_commit_date`, `_created_date`), `base.sha` from
 * `_mainline_parent_sha`, and none is handed on. Missing ids are made from the entry's place, a missing `updated_at`
 * from the latest time in the thread. Throws when the file is not a recording.
 */
export async function readRecording(dir: string, owner: string, name: string): Promise<HostedRepository | null> {
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
  return hostRecording(parsed.data)
}

function hostRecording(recorded: Recording): HostedRepository {
  const name = recorded.repo
  const pulls = new Map<number, Json>()
  const issues = new Map<number, Json>()
  const list: HostedRepository['list'] = (kind, number) => {
    const owning = pulls.get(number) ?? (OF_ISSUES.has(kind) ? issues.get(number) : undefined)
    if (!owning) return null
    return (recorded[kind][number] ?? []).map((entry, index) => fillEntry(entry, { kind, index, owning, name }))
  }
  for (const [key, issue] of Object.entries(recorded.issues)) issues.set(Number(key), fillIssue(issue, recorded))
  const bare = Object.values(recorded.pulls).sort((a, b) => Number(a.number) - Number(b.number))
  for (const pull of bare) pulls.set(Number(pull.number), fillPull(pull, recorded))
  for (const [number, thread] of [...pulls, ...issues]) {
    const said = REMARKS.flatMap((kind) => list(kind, number) ?? []).map(createdAt)
    thread.updated_at ??= latestOf([
      toInstant(thread.merged_at),
      toInstant(thread.closed_at),
      createdAt(thread),
      ...said,
    ])
  }
  const issue = (number: number) => {
    const found = pulls.get(number)
    return found ? showAmongIssues(found, name) : (issues.get(number) ?? null)
  }
  const remarks = (kind: ThreadList) =>
    listEntries([...issues.keys(), ...pulls.keys()].flatMap((n) => list(kind, n) ?? []))
  const listed = new Map<RepositoryList, ListedEntries>()
  const makeList = (kind: RepositoryList) => {
    if (kind === 'pulls') return listEntries([...pulls.values()].map(listPull))
    if (kind !== 'issues') return remarks(kind)
    return listEntries([...issues.keys(), ...pulls.keys()].map((number) => issue(number)!))
  }
  return {
    name,
    id: idOf(name, 'repository', 0),
    about: {
      id: idOf(name, 'repository', 0),
      full_name: name,
      name: name.split('/')[1],
      private: false,
      html_url: `https://github.com/${name}`,
      default_branch: bareBaseRef(bare) ?? 'main',
      license: null,
      ...withoutAnnotations(recorded.repository),
    },
    pull: (number) => pulls.get(number) ?? null,
    issue,
    list,
    listed(kind) {
      const known = listed.get(kind) ?? makeList(kind)
      listed.set(kind, known)
      return known
    },
    closes(number) {
      const body = pulls.get(number)?.body
      const named = [...maskMarkup(typeof body === 'string' ? body : '').matchAll(CLOSING)].map((match) =>
        Number(match[1]),
      )
      return [...new Set(named)].filter((one) => issues.has(one)).map((one) => ({ number: one, repository: name }))
    },
  }
}

const OF_ISSUES = new Set<ThreadList>(['issue_comments', 'timeline'])
const REMARKS: ThreadList[] = ['issue_comments', 'review_comments', 'reviews']
const CLOSING =
  /\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:#|https:\/\/github\.com\/[\w.-]+\/[\w.-]+\/issues\/)(\d+)\b/gi

function bareBaseRef(pulls: readonly Json[]): unknown {
  return json.safeParse(pulls.at(-1)?.base).data?.ref
}

/** What GitHub leaves out of an entry of its list of pull requests. */
function listPull(pull: Json): Json {
  const { merged: _merged, commits: _commits, changed_files: _files, ...listed } = pull
  return listed
}

function listEntries(entries: Json[]): ListedEntries {
  const time = (value: unknown) => Date.parse(String(value)) || 0
  const sorted = entries.toSorted((a, b) => time(a.created_at) - time(b.created_at))
  return {
    length: sorted.length,
    createdAt: (index) => time(sorted[index]!.created_at),
    updatedAt: (index) => time(sorted[index]!.updated_at),
    state: (index) => (sorted[index]!.state === 'open' ? 'open' : 'closed'),
    entry: (index) => sorted[index]!,
  }
}

function showAmongIssues(pull: Json, name: string): Json {
  const { head: _head, base: _base, merge_commit_sha: _sha, ...shown } = listPull(pull)
  const url = `https://api.github.com/repos/${name}/pulls/${String(pull.number)}`
  return { ...shown, pull_request: { url, html_url: pull.html_url, merged_at: pull.merged_at } }
}

function fillIssue(issue: Json, { repo }: Recording): Json {
  const number = Number(issue.number)
  return withoutAnnotations({
    id: idOf(repo, 'issue', number),
    html_url: `https://github.com/${repo}/issues/${number}`,
    body: null,
    user: null,
    labels: [],
    state: 'closed',
    ...issue,
    ...fillUser(issue, repo),
    created_at: createdAt(issue),
  })
}

function fillPull(pull: Json, recorded: Recording): Json {
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
    updated_at: toInstant(pull.updated_at),
    base: {
      ...json.safeParse(pull.base).data,
      sha: json.safeParse(pull.base).data?.sha ?? pull._mainline_parent_sha ?? null,
    },
    ...(commits ? { commits: commits.length } : {}),
    ...(files ? { changed_files: files.length } : {}),
  })
}

import { createHash } from 'node:crypto'
import { z } from 'zod'
import { isBotAccount } from '../domain/pullRequest.ts'
import type { Json, ThreadList } from './recordedRepository.ts'

/** Any JSON object. */
export const json = z.record(z.string(), z.unknown())

/** When nothing in a recording says when. */
const UNKNOWN_INSTANT = '1970-01-01T00:00:00Z'

/** A null user stays null: GitHub says so of a deleted account. */
export function fillUser(entry: Json, fullName: string): Json {
  const user = json.safeParse(entry.user).data
  if (!user) return {}
  const login = String(user.login)
  const type = isBotAccount(login) ? 'Bot' : 'User'
  return { user: { id: idOf(fullName, `user/${login}`, 0), type, ...user } }
}

/** When an entry was made, by its own field or by its annotation; null when neither says. */
export function createdAt(entry: Json): string | null {
  return toInstant(entry.created_at ?? entry.submitted_at ?? entry._created_date)
}

/** An instant as GitHub writes it, or null for what is none. */
export function toInstant(date: unknown): string | null {
  const time = typeof date === 'string' ? Date.parse(date) : Number.NaN
  return Number.isNaN(time) ? null : new Date(time).toISOString().replace('.000Z', 'Z')
}

/** The latest of the instants that are known, or the beginning of time. */
export function latestOf(instants: readonly (string | null)[]): string {
  return instants.reduce<string>(
    (latest, instant) => (instant !== null && Date.parse(instant) > Date.parse(latest) ? instant : latest),
    UNKNOWN_INSTANT,
  )
}

/** A number that is always the same for the same entry. */
export function idOf(fullName: string, kind: string, n: number): number {
  return createHash('sha256').update(`${fullName} ${kind} ${n}`).digest().readUIntBE(0, 5)
}

/** The value without keys that begin with `_`, at any depth. */
export function withoutAnnotations<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutAnnotations) as T
  if (value === null || typeof value !== 'object') return value
  const members = Object.entries(value).filter(([key]) => !key.startsWith('_'))
  return Object.fromEntries(members.map(([key, member]) => [key, withoutAnnotations(member)])) as T
}

/** An entry of a thread's list with what GitHub requires, made from its place where the recording lacks it. */
export function fillEntry(entry: Json, place: { kind: ThreadList; index: number; owning: Json; name: string }): Json {
  const { kind, index, owning, name } = place
  const number = Number(owning.number)
  const filled: Json = withoutAnnotations({ ...entry, ...fillUser(entry, name) })
  if (kind === 'files') return filled
  if (kind === 'commits') return { html_url: `https://github.com/${name}/commit/${String(entry.sha)}`, ...filled }
  const id = entry.id ?? idOf(name, `${kind}/${number}`, index)
  const at = createdAt(entry) ?? owning.created_at
  if (kind === 'timeline') return { ...filled, id, created_at: at }
  if (kind === 'reviews') return { ...filled, id, submitted_at: filled.submitted_at ?? at }
  const api = `https://api.github.com/repos/${name}`
  const isComment = kind === 'issue_comments'
  return {
    ...filled,
    id,
    ...(isComment ? { issue_url: `${api}/issues/${number}` } : { pull_request_url: `${api}/pulls/${number}` }),
    created_at: at,
    updated_at: toInstant(entry.updated_at) ?? latestOf([toInstant(at)]),
  }
}

import { createHash } from 'node:crypto'

/** The programs that dispatchers and providers need where commands run; bash is 4.4 or later. */
export const REQUIRED_PROGRAMS = [
  'bash',
  'env',
  'setsid',
  'flock',
  'timeout',
  'mkdir',
  'rm',
  'head',
  'tail',
  'cat',
  'stat',
  'tar',
] as const

/** What bash is told, so that a script of any length speaks of itself as `bash: line 1` and sees no descriptor of ours. */
export const SCRIPT_READER = 'eval "$(</dev/fd/3)" 3<&-'

/** The name of a key's record: readable, different for different keys, never hidden, at most 200 bytes. */
export function jobFolder(key: string): string {
  const escape = (text: string) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  const name = key
    .toWellFormed()
    .replace(/^\.|[^A-Za-z0-9._/-]/gu, escape)
    .replaceAll('/', '+')
  if (name !== '' && name.length <= 200) return name
  return `${name.slice(0, 120)}~${createHash('sha256').update(key).digest('hex')}`
}

import type { Command } from '../sandbox/port.ts'
import { cutMiddle, describeCommand, type CommandResult } from './observation.ts'
import { quotePath } from './shellWord.ts'

const MOST_LINES = 2_000
const FOLDER = 'folder'

/** What is to be shown: a folder's names, or lines of a file, from 1. */
export interface View {
  path: string
  start?: number | undefined
  end?: number | undefined
}

/** A command that prints how many lines a file has, and those that are asked for; or `folder`, and its names. */
export function viewCommand({ path, start = 1, end }: View, timeoutMs: number): Command {
  const file = quotePath(path)
  const last = Math.min(end ?? Number.POSITIVE_INFINITY, start + MOST_LINES - 1)
  const script = [
    `if [ -d ${file} ]; then echo ${FOLDER}; ls -Ap -- ${file}; exit; fi`,
    `lines=$(sed -n '$=' -- ${file}) || exit`,
    `echo "\${lines:-0}"; sed -n '${start},${last}p;${last}q' -- ${file}`,
  ].join('\n')
  return { script, timeoutMs }
}

/** What was to be shown: whole lines, as many as fit, and which of how many these are unless they are all. */
export function describeView(result: CommandResult, { path, start = 1, end }: View, limit: number): string {
  if (result.exitCode !== 0) return describeCommand(result, limit)
  if (!result.isText) return `${path} is not a text file.`
  const at = result.output.indexOf('\n')
  const count = result.output.slice(0, at)
  const text = result.output.slice(at + 1)
  if (count === FOLDER) return cutMiddle(text, { limit, sizeBytes: result.sizeBytes, kept: null })
  const lines = Number(count)
  if (lines === 0) return ''
  if (start > lines) return `${path} has ${lines} ${lines === 1 ? 'line' : 'lines'}; there is no line ${start}.`

  const asked = text.match(/[^\n]*\n|[^\n]+$/g) ?? []
  const shown: string[] = []
  let room = limit - 100
  for (const line of asked) {
    room -= line.length
    if (room < 0) break
    shown.push(line)
  }
  if (shown.length === 0) {
    const line = asked[0] ?? ''
    shown.push(cutMiddle(line, { limit: limit - 200, sizeBytes: Buffer.byteLength(line), kept: null }))
  }
  const last = start + shown.length - 1
  const isAll = start === 1 && last === lines
  const body = shown.join('')
  if (isAll) return body
  const rest = last < Math.min(end ?? lines, lines) ? `; go on with start ${last + 1}` : ''
  return `${body.endsWith('\n') ? body : `${body}\n`}[lines ${start}-${last} of ${lines}${rest}]`
}

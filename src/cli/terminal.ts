import type { Output } from '../formats/output.ts'

/** Where a command writes: progress for people, and with `--json` the one document or the lines for programs. */
export interface Terminal {
  isJson: boolean
  /** Columns of the terminal; null or nothing where lines may be of any length, as in a file. */
  width?: number | null
  /** A line for people. Goes to stderr with `--json`, else to stdout. */
  say(line: string): void
  /** A document for programs: one line on stdout with `--json`, nothing without. */
  emit(value: Output): void
}

/** The terminal of this process. */
export function openTerminal(options: { isJson: boolean }): Terminal {
  const { isJson } = options
  return {
    isJson,
    width: process.stdout.columns ?? null,
    say: (line) => void (isJson ? process.stderr : process.stdout).write(`${line}\n`),
    emit: (value) => {
      if (isJson) process.stdout.write(`${JSON.stringify(value)}\n`)
    },
  }
}

/** Input that is wrong in a way that can be known before a workflow starts: exit 2, nothing changed. */
export class InputError extends Error {
  override name = 'InputError'
}

/** Work that failed or is parked: exit 1, with the reason and the next move. */
export class FailedError extends Error {
  override name = 'FailedError'
}

/** Exit codes by what became of a command. */
export const EXIT = { ended: 0, failed: 1, badInput: 2, detached: 130 } as const

/** Rows as aligned columns. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map((row) => (row[index] ?? '').length)))
  return rows.map((row) =>
    row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index]!))).join('  '),
  )
}

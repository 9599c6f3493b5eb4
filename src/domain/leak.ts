/** Something in a text that gives the reference patch away. */
export interface Leak {
  kind: 'name' | 'line'
  text: string
}

const SHORTEST_LINE = 20

/** What must not be told: names that the patch introduces and lines that it adds, less the interface. */
export interface Secret {
  names: readonly string[]
  lines: readonly string[]
}

/** Every name and line of the secret that stands in a text. Lines count from 20 characters that look like code, white space aside. */
export function findLeaks(text: string, secret: Secret): Leak[] {
  const words = new Set(text.match(/[A-Za-z_$][\w$]*/g) ?? [])
  const flat = flatten(text)
  const names = secret.names.filter((name) => words.has(name))
  const lines = secret.lines.filter((line) => isCode(line) && flat.includes(flatten(line)))
  return [
    ...[...new Set(names)].map((name): Leak => ({ kind: 'name', text: name })),
    ...[...new Set(lines.map((line) => line.trim()))].map((line): Leak => ({ kind: 'line', text: line })),
  ]
}

/** A text without its leaks: `[…]` stands where they were. */
export function maskLeaks(text: string, leaks: readonly Leak[]): string {
  return leaks.reduce((masked, leak) => {
    const pattern = escape(leak.text).replace(/\s+/g, '\\s+')
    const bounded = leak.kind === 'name' ? `(?<![\\w$])${pattern}(?![\\w$])` : pattern
    return masked.replace(new RegExp(bounded, 'g'), '[…]')
  }, text)
}

function flatten(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

function isCode(line: string): boolean {
  return line.trim().length >= SHORTEST_LINE && /[=(){}[\];:<>]/.test(line)
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

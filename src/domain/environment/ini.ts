/** A section's entries of an INI file as tox, setuptools and pytest write them; values may go on over indented lines. */
export function readIniSection(text: string | null, section: string): Record<string, string> {
  const entries: Record<string, string> = {}
  let isInside = false
  let last: string | null = null
  for (const line of (text ?? '').split(/\r?\n/)) {
    if (/^\s*[#;]/.test(line)) continue
    const heading = /^\[([^\]]+)\]/.exec(line)?.[1]
    if (heading !== undefined) {
      isInside = heading.trim() === section
      last = null
      continue
    }
    if (!isInside || line.trim() === '') continue
    const entry = /^(\w[\w.-]*)\s*[=:]\s*(.*)$/.exec(line)
    if (entry) {
      last = entry[1]!
      entries[last] = entry[2]!
    } else if (last !== null && /^\s/.test(line)) entries[last] += `\n${line.trim()}`
  }
  return entries
}

/** The lines of a value that are neither empty nor comments. */
export function iniLines(value: string | undefined): string[] {
  return (value ?? '')
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '')
}

const MOST_PLACES = 20

/** A file after an edit, with the line where it begins; or why nothing is changed. */
export type Edited = { kind: 'edited'; content: string; line: number } | { kind: 'refused'; reason: string }

/** Replaces the one place where a passage stands in a file. Refuses, with the lines in question, when there is none or several. */
export function editText(path: string, content: string, passage: { old: string; new: string }): Edited {
  if (passage.old === '') return refuse('`old` is empty; a whole file is written with `write`.')
  if (passage.old === passage.new) return refuse('`old` and `new` are the same.')
  const places = findPlaces(content, passage.old)
  if (places.length === 1) {
    const [at] = places as [number]
    const edited = content.slice(0, at) + passage.new + content.slice(at + passage.old.length)
    return { kind: 'edited', content: edited, line: lineAt(content, at) }
  }
  if (places.length > 1) {
    const lines = places.slice(0, MOST_PLACES).map((at) => lineAt(content, at))
    const more = places.length > MOST_PLACES ? ' and others' : ''
    return refuse(
      `\`old\` must occur exactly once in ${path}; it occurs ${places.length} times, at lines ${lines.join(', ')}${more}. Give more of what stands around the one.`,
    )
  }
  const near = findInOtherSpace(content, passage.old)
  const hint = near === null ? '' : ` With other white space it stands at line ${near}.`
  return refuse(`\`old\` must occur exactly once in ${path}; it occurs 0 times.${hint}`)
}

function refuse(reason: string): Edited {
  return { kind: 'refused', reason: `Nothing was changed: ${reason}` }
}

/** Where a passage begins, overlapping places too. */
function findPlaces(content: string, passage: string): number[] {
  const places: number[] = []
  for (let at = content.indexOf(passage); at !== -1; at = content.indexOf(passage, at + 1)) places.push(at)
  return places
}

function lineAt(content: string, at: number): number {
  let line = 1
  for (let end = content.indexOf('\n'); end !== -1 && end < at; end = content.indexOf('\n', end + 1)) line++
  return line
}

/** The line from which on a file says the same as a passage, but for white space at the ends of lines and before them. */
function findInOtherSpace(content: string, passage: string): number | null {
  const wanted = passage.split('\n').map((line) => line.trim())
  while (wanted.at(-1) === '') wanted.pop()
  while (wanted[0] === '') wanted.shift()
  if (wanted.length === 0) return null
  const lines = content.split('\n').map((line) => line.trim())
  const at = lines.findIndex((_, from) => wanted.every((line, index) => lines[from + index] === line))
  return at === -1 ? null : at + 1
}

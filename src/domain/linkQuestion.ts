import type { Link } from '../formats/chain.ts'

/** So many characters of a patch are shown to the judge of a link; the rest of its files are named. */
const MOST_CHARACTERS = 40_000
const MOST_SENTENCES = 20
const NAMES_SHOWN = 20

/** What is known of a link, a line each: the sentences with their place, and what the two changes have in common. */
export function describeEvidence({ references, overlap }: Link): string {
  const said = references.slice(0, MOST_SENTENCES).map(({ source, cue, viaIssue, viaText, text }) => {
    const via = viaIssue === null ? '' : `, through issue #${viaIssue}${viaText ? ` (“${inOneLine(viaText)}”)` : ''}`
    return `- ${source}, read as "${cue}"${via}: ${text === '' ? 'no words' : `“${inOneLine(text)}”`}`
  })
  const more = references.length - said.length
  if (more > 0) said.push(`- and ${more} more`)
  if (overlap === null) return said.join('\n')
  const shared = [
    `source files: ${list(overlap.files)}`,
    `names: ${list(overlap.symbols)}`,
    `lines of the earlier one that the later one changes: ${overlap.lines}`,
  ]
  return [...said, `- both change ${shared.join('; ')}`].join('\n')
}

/** A patch cut to what is shown of it: whole files as long as they fit, and the names of the others. */
export function shortenPatch(patch: string): string {
  const files = patch.split(/^(?=diff --git )/m)
  let shown = ''
  const left: string[] = []
  for (const file of files) {
    if (shown.length + file.length <= MOST_CHARACTERS) shown += file
    else left.push(/^diff --git "?a\/.*? "?b\/(.*?)"?$/m.exec(file)?.[1] ?? 'a file')
  }
  if (left.length === 0) return shown.trimEnd()
  return `${shown}[${left.length} more file(s), too long to show: ${list(left)}]`
}

function list(names: readonly string[]): string {
  if (names.length === 0) return 'none'
  const shown = names.slice(0, NAMES_SHOWN).join(', ')
  return names.length > NAMES_SHOWN ? `${shown} and ${names.length - NAMES_SHOWN} more` : shown
}

function inOneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

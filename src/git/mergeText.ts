/** What the text of a commit on a target branch says of a pull request. */
export interface MergeText {
  /** The number that it names, whoever's it is; null where it names none. */
  number: number | null
  /** The pull request's title as far as the text has it. */
  title: string
  /** What stands below. */
  body: string
}

const MERGES = [
  /^Merge pull request #(\d+) (?:from|in) \S+/,
  // bors, homu and the like, which merge by themselves.
  /^(?:Auto merge of|Merge) #(\d+)(?::| - |$)/,
  /^Merge PR #(\d+)\b/,
]
const SUFFIX = /\s*\((?:#|GH-|gh-)(\d+)\)$/

/**
 * Reads the number, title and body of a merge or squash commit: "Merge pull request #N from …" with the title below, or
 * a title that ends in "(#N)", of which the last number is GitHub's. Merges are looked for in commits with several
 * parents; a suffix in both.
 */
export function readMergeText(message: string, isMerge: boolean): MergeText {
  const [subject = '', ...rest] = message.split('\n')
  const below = rest.join('\n').trim()
  const named = MERGES.map((pattern) => pattern.exec(subject)).find((match) => match !== null)
  if (named && (isMerge || named[0].startsWith('Merge pull'))) {
    const suffixed = SUFFIX.exec(subject)
    if (suffixed && suffixed[1] === named[1]) return { number: Number(named[1]), title: subject, body: below }
    const [title = '', ...more] = below.split('\n')
    return { number: Number(named[1]), title: title.trim() || subject, body: more.join('\n').trim() }
  }
  const suffix = SUFFIX.exec(subject.trimEnd())
  if (!suffix) return { number: null, title: subject.trim(), body: below }
  return { number: Number(suffix[1]), title: subject.slice(0, suffix.index).trim(), body: below }
}

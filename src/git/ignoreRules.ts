import ignore from 'ignore'

/** A `.gitignore` file: its folder (`''` for the root) and its text. */
export interface IgnoreFile {
  folder: string
  text: string
}

/**
 * Whether git would ignore an untracked path, a folder's ending with `/`, by the `.gitignore` files of every level: a
 * deeper file wins over a higher one, a later line over an earlier one, and nothing comes back below an ignored folder.
 */
export function createIgnoreRules(files: readonly IgnoreFile[]): (path: string) => boolean {
  const rules = ignore({ ignorecase: false })
  const depth = ({ folder }: IgnoreFile) => (folder === '' ? 0 : folder.split('/').length)
  // One list in which the last match decides, so higher files come first and every line names its folder.
  for (const file of files.toSorted((a, b) => depth(a) - depth(b))) {
    for (const line of file.text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
      const rule = placeRule(line, file.folder)
      if (rule !== null) rules.add({ pattern: rule })
    }
  }
  return (path) => rules.ignores(path)
}

/** A line of a folder's `.gitignore` as it would stand in the root's, or null for one that says nothing. */
function placeRule(line: string, folder: string): string | null {
  if (line.startsWith('#') || line.trim() === '') return null
  if (folder === '') return line
  const mark = line.startsWith('!') ? '!' : ''
  const pattern = line.slice(mark.length)
  // A slash before the end ties a pattern to its folder; trailing spaces are no part of it unless escaped.
  const isTied = pattern
    .replace(/(?<!\\)\s+$/, '')
    .replace(/\/$/, '')
    .includes('/')
  const place = `/${folder.replaceAll(/[\\*?[\]!# ]/g, String.raw`\$&`)}`
  return `${mark}${place}${isTied ? '' : '/**'}/${pattern.replace(/^\//, '')}`
}

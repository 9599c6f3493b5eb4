/** Characters that macOS's file systems take for nothing. */
const IGNORED_BY_HFS = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g

/**
 * Whether some git on some system takes a name for its own folder: `.git` in any case; with characters in it that macOS
 * ignores; and as Windows has it, with dots or spaces after it, with a stream (`.git::$INDEX_ALLOCATION`), or by its
 * short name `git~1`.
 */
export function isGitName(name: string): boolean {
  const plain = name.replaceAll(IGNORED_BY_HFS, '').toLowerCase()
  return /^(\.git|git~1)[. ]*(:.*)?$/s.test(plain)
}

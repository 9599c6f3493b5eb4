const NAMED = 5

/** A path with its counts, null where unknown or binary. */
interface CountedFile {
  path: string
  additions: number | null
  deletions: number | null
}

/** What differs between the files that a pull request lists and those that its commits changed, a phrase each. */
export function findDifferences(listed: readonly CountedFile[], changes: readonly CountedFile[]): string[] {
  const changed = new Map(changes.map((change) => [change.path, change]))
  const paths = new Set(listed.map(({ path }) => path))
  const found: string[] = []
  for (const { path, additions, deletions } of listed) {
    const change = changed.get(path)
    if (!change) {
      found.push(`${path} is listed and not changed`)
      continue
    }
    // GitHub counts a binary file's lines as 0, git as none.
    if (change.additions === null || change.deletions === null || additions === null || deletions === null) continue
    if (change.additions === additions && change.deletions === deletions) continue
    found.push(
      `${path} is listed with +${additions} -${deletions} and changed by +${change.additions} -${change.deletions}`,
    )
  }
  for (const path of changed.keys()) if (!paths.has(path)) found.push(`${path} is changed and not listed`)
  return found
}

/** The first few of them in one line. */
export function nameSome(found: readonly string[]): string {
  const more = found.length - NAMED
  return `${found.slice(0, NAMED).join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}

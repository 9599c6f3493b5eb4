/** The share of `added` lines that `present` still has, each present line counted once; 1 when nothing was added. */
export function survivingShare(files: readonly { added: readonly string[]; present: readonly string[] }[]): number {
  let total = 0
  let survived = 0
  for (const { added, present } of files) {
    const left = new Map<string, number>()
    for (const line of present) left.set(line, (left.get(line) ?? 0) + 1)
    for (const line of added) {
      if (line.trim() === '') continue
      total++
      const count = left.get(line) ?? 0
      if (count === 0) continue
      survived++
      left.set(line, count - 1)
    }
  }
  return total === 0 ? 1 : survived / total
}

import ignore, { type Ignore } from 'ignore'
import type { GitRepository } from './port.ts'

/** Whether a path is ignored by the `.gitignore` files of a tree: deeper files win, and what lies in an ignored folder stays ignored. */
export async function readIgnoreRules(repository: GitRepository, tree: string): Promise<(path: string) => boolean> {
  const rules = new Map<string, Ignore>()
  for (const { path, mode } of await repository.listTree(tree)) {
    if (mode === '120000' || (path !== '.gitignore' && !path.endsWith('/.gitignore'))) continue
    const content = await repository.readFile(tree, path)
    rules.set(path.slice(0, -'.gitignore'.length), ignore().add(content?.toString('utf8') ?? ''))
  }
  if (rules.size === 0) return () => false

  return (path) => {
    const segments = path.split('/')
    const folders = segments.slice(0, -1).map((_, index) => `${segments.slice(0, index + 1).join('/')}/`)
    return [...folders, path].some(isNamedIgnored)
  }

  function isNamedIgnored(path: string): boolean {
    const segments = path.replace(/\/$/, '').split('/')
    for (let depth = segments.length - 1; depth >= 0; depth--) {
      const base = depth === 0 ? '' : `${segments.slice(0, depth).join('/')}/`
      const verdict = rules.get(base)?.test(path.slice(base.length))
      if (verdict?.ignored) return true
      if (verdict?.unignored) return false
    }
    return false
  }
}

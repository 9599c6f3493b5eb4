import type { Submodule } from './port.ts'
import { withoutCredentials } from './process.ts'
import { GITLINK_MODE, listTree, readFileAt } from './trees.ts'
import type { Scratch } from './scratch.ts'

/** The submodules of a tree, with their addresses from its `.gitmodules`, which is read as text and never heeded. */
export async function listSubmodules(scratch: Scratch, tree: string): Promise<Submodule[]> {
  const links = (await listTree(scratch, tree)).filter(({ mode }) => mode === GITLINK_MODE)
  if (links.length === 0) return []
  const text = (await readFileAt(scratch, tree, '.gitmodules').catch(() => null))?.toString('utf8') ?? ''
  const urls = new Map<string, string>()
  let path: string | null = null
  let url: string | null = null
  for (const line of [...text.split('\n'), '[end]']) {
    const [, key, value] = /^\s*(path|url)\s*=\s*"?(.*?)"?\s*$/.exec(line) ?? []
    if (key === 'path') path = value!
    if (key === 'url') url = value!
    if (!line.trimStart().startsWith('[')) continue
    if (path !== null && url !== null) urls.set(path, withoutCredentials(url))
    path = url = null
  }
  return links.map((link) => ({ path: link.path, url: urls.get(link.path) ?? null, sha: link.object }))
}

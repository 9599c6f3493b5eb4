import type { Scope } from './edge.ts'
import type { MineInput } from './linkChains.ts'
import type { Ports } from './ports.ts'

/**
 * Brings the store's own clone of a repository up to date, cloned when absent; a folder of mirrors is only read. Comes
 * after GitHub's pages, so that git has what they name.
 */
export async function refreshMirror(
  ports: Pick<Ports, 'git'>,
  { repository, mirrors }: Pick<MineInput, 'repository' | 'mirrors'>,
  scope: Scope,
): Promise<{ isFetched: boolean }> {
  scope.report({ fetching: repository })
  return ports.git.refresh(repository, mirrors)
}

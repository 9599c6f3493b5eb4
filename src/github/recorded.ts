import { hostRecordings } from './recordedData.ts'
import { serveGitHub, type LoopbackGitHub, type ServerOptions } from './recordedServer.ts'

export type { Fault } from './recordedFault.ts'
/** A running server of recorded data. */
export type RecordedGitHub = LoopbackGitHub

/**
 * Serves recorded GitHub data on 127.0.0.1: REST, GraphQL, pages and `Link` headers, ETags, limits, errors. `dir` holds
 * a file `owner__name.json` for each repository, read at each request.
 */
export function startRecordedGitHub({ dir, ...options }: ServerOptions & { dir: string }): Promise<RecordedGitHub> {
  return serveGitHub(hostRecordings(dir), options)
}

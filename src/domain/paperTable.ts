/** A repository of the paper with what it took of it. */
export interface PaperRepository {
  /** `owner/name`. */
  repository: string
  /** Pull requests, and the queries that were made of them. */
  pullRequests: number
  queries: number
}

/** The nine repositories of the paper, as its Table 4 has them. */
export const PAPER_REPOSITORIES: readonly PaperRepository[] = [
  { repository: 'cloudquery/cloudquery', pullRequests: 9_705, queries: 490 },
  { repository: 'numpy/numpy', pullRequests: 9_355, queries: 354 },
  { repository: 'scipy/scipy', pullRequests: 9_511, queries: 238 },
  { repository: 'apache/pulsar', pullRequests: 9_803, queries: 228 },
  { repository: 'PrefectHQ/prefect', pullRequests: 8_433, queries: 215 },
  { repository: 'astral-sh/ruff', pullRequests: 8_115, queries: 180 },
  { repository: 'tursodatabase/libsql', pullRequests: 1_261, queries: 30 },
  { repository: 'microsoft/autogen', pullRequests: 1_467, queries: 18 },
  { repository: 'ivy-llc/ivy', pullRequests: 4_160, queries: 9 },
]

/** Their sum: 61,810 pull requests and 1,762 queries. */
export const PAPER_TOTAL = {
  pullRequests: PAPER_REPOSITORIES.reduce((sum, { pullRequests }) => sum + pullRequests, 0),
  queries: PAPER_REPOSITORIES.reduce((sum, { queries }) => sum + queries, 0),
}

/** What the paper has of a repository, by name without regard to case; null when it is none of the nine. */
export function paperFigures(repository: string): PaperRepository | null {
  return PAPER_REPOSITORIES.find((one) => one.repository.toLowerCase() === repository.toLowerCase()) ?? null
}

/** How a repository of the generated corpus looks: its size is the paper's, the rest is like what was measured. */
export interface RepositoryPlan {
  /** `owner/name`. */
  name: string
  pullRequests: number
  /** Issues for each pull request; both share one row of numbers. */
  issueShare: number
  botShare: number
  /** Of the merged ones; the rest are merged with a merge commit. */
  squashShare: number
  /** Comments and review comments of a pull request, on average. */
  commentsPerPull: number
  /** Links to an earlier pull request for each pull request that could have one. */
  linkShare: number
  /** Has a template with an example reference in an HTML comment. */
  hasTemplate: boolean
  extension: 'py' | 'rs' | 'go' | 'java'
  license: string
}

/** The nine repositories of the paper's Table 4 with its counts: 61,810 pull requests in all. */
export const PAPER_PLANS: readonly RepositoryPlan[] = [
  plan('cloudquery/cloudquery', 9705, { botShare: 0.4, squashShare: 1, commentsPerPull: 3, extension: 'go' }),
  plan('apache/pulsar', 9803, { botShare: 0.05, squashShare: 1, commentsPerPull: 7, extension: 'java' }),
  plan('scipy/scipy', 9511, { botShare: 0.05, squashShare: 0.15, commentsPerPull: 9, extension: 'py' }),
  plan('astral-sh/ruff', 8115, {
    botShare: 0.12,
    squashShare: 1,
    commentsPerPull: 4,
    linkShare: 0.16,
    extension: 'rs',
  }),
  plan('PrefectHQ/prefect', 8433, { botShare: 0.1, squashShare: 0.9, commentsPerPull: 4, extension: 'py' }),
  plan('numpy/numpy', 9355, { botShare: 0.08, squashShare: 0.05, commentsPerPull: 8, extension: 'py' }),
  plan('microsoft/autogen', 1467, { botShare: 0.05, squashShare: 1, commentsPerPull: 5, extension: 'py' }),
  plan('ivy-llc/ivy', 4160, { botShare: 0.06, squashShare: 0.7, commentsPerPull: 4, linkShare: 0.05, extension: 'py' }),
  plan('tursodatabase/libsql', 1261, { botShare: 0.05, squashShare: 0.1, commentsPerPull: 3, extension: 'rs' }),
]

/** A plan by its name among the paper's nine, or one of average looks. */
export function planOf(name: string, pullRequests?: number): RepositoryPlan {
  const known = PAPER_PLANS.find((one) => one.name === name) ?? plan(name, 300, {})
  return { ...known, pullRequests: pullRequests ?? known.pullRequests }
}

function plan(name: string, pullRequests: number, looks: Partial<RepositoryPlan>): RepositoryPlan {
  return {
    name,
    pullRequests,
    issueShare: 0.45,
    botShare: 0.1,
    squashShare: 0.5,
    commentsPerPull: 5,
    linkShare: 0.12,
    hasTemplate: pullRequests > 2000,
    extension: 'py',
    license: 'Apache-2.0',
    ...looks,
  }
}

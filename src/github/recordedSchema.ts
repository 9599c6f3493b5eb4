/** The part of GitHub's GraphQL schema that the loopback GitHub answers; each field is as GitHub has it. */
export const RECORDED_SCHEMA = `
scalar DateTime
scalar URI
scalar GitObjectID

type Query {
  node(id: ID!): Node
  rateLimit(dryRun: Boolean = false): RateLimit
  repository(owner: String!, name: String!, followRenames: Boolean = true): Repository
}

type RateLimit {
  cost: Int!
  limit: Int!
  nodeCount: Int!
  remaining: Int!
  resetAt: DateTime!
  used: Int!
}

interface Node { id: ID! }

interface Actor { login: String! }
type User implements Actor { login: String! }
type Bot implements Actor { login: String! }

type PageInfo {
  endCursor: String
  hasNextPage: Boolean!
  hasPreviousPage: Boolean!
  startCursor: String
}

type License { spdxId: String }
type Ref { name: String! }
type Commit { oid: GitObjectID! }

type Repository implements Node {
  id: ID!
  nameWithOwner: String!
  defaultBranchRef: Ref
  licenseInfo: License
  issue(number: Int!): Issue
  pullRequest(number: Int!): PullRequest
  pullRequests(
    after: String, before: String, first: Int, last: Int, orderBy: IssueOrder, states: [PullRequestState!]
  ): PullRequestConnection!
}

input IssueOrder { direction: OrderDirection!, field: IssueOrderField! }
enum IssueOrderField { COMMENTS CREATED_AT UPDATED_AT }
enum OrderDirection { ASC DESC }
enum PullRequestState { CLOSED MERGED OPEN }
enum IssueState { CLOSED OPEN }

type Issue implements Node {
  id: ID!
  number: Int!
  repository: Repository!
  state: IssueState!
  title: String!
  url: URI!
}

type PullRequest implements Node {
  id: ID!
  author: Actor
  baseRefName: String!
  body: String!
  closingIssuesReferences(after: String, before: String, first: Int, last: Int): IssueConnection
  createdAt: DateTime!
  headRefOid: GitObjectID!
  mergeCommit: Commit
  merged: Boolean!
  mergedAt: DateTime
  number: Int!
  repository: Repository!
  reviews(after: String, before: String, first: Int, last: Int): PullRequestReviewConnection
  state: PullRequestState!
  timelineItems(
    after: String, before: String, first: Int, last: Int, itemTypes: [PullRequestTimelineItemsItemType!]
  ): PullRequestTimelineItemsConnection!
  title: String!
  updatedAt: DateTime!
  url: URI!
}

type PullRequestConnection { nodes: [PullRequest], pageInfo: PageInfo!, totalCount: Int! }
type IssueConnection { nodes: [Issue], pageInfo: PageInfo!, totalCount: Int! }
type PullRequestReviewConnection { nodes: [PullRequestReview], pageInfo: PageInfo!, totalCount: Int! }
type PullRequestTimelineItemsConnection { nodes: [PullRequestTimelineItems], pageInfo: PageInfo!, totalCount: Int! }

enum PullRequestReviewState { APPROVED CHANGES_REQUESTED COMMENTED DISMISSED PENDING }
type PullRequestReview implements Node {
  id: ID!
  author: Actor
  body: String!
  state: PullRequestReviewState!
  submittedAt: DateTime
  url: URI!
}

enum PullRequestTimelineItemsItemType { CONNECTED_EVENT CROSS_REFERENCED_EVENT DISCONNECTED_EVENT }
union PullRequestTimelineItems = ConnectedEvent | CrossReferencedEvent | DisconnectedEvent
union ReferencedSubject = Issue | PullRequest

type CrossReferencedEvent implements Node {
  id: ID!
  actor: Actor
  createdAt: DateTime!
  isCrossRepository: Boolean!
  source: ReferencedSubject!
  willCloseTarget: Boolean!
}
type ConnectedEvent implements Node {
  id: ID!
  actor: Actor
  createdAt: DateTime!
  isCrossRepository: Boolean!
  source: ReferencedSubject!
  subject: ReferencedSubject!
}
type DisconnectedEvent implements Node {
  id: ID!
  actor: Actor
  createdAt: DateTime!
  isCrossRepository: Boolean!
  source: ReferencedSubject!
  subject: ReferencedSubject!
}
`

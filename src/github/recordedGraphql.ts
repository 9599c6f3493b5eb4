import { buildSchema, execute, parse, validate, type DocumentNode, type GraphQLError } from 'graphql'
import { z } from 'zod'
import { costQuery } from './recordedCost.ts'
import type { Quota } from './recordedLimits.ts'
import { nodeId, readNodeId, showPull, showRepository } from './recordedNodes.ts'
import type { RepositoryHost } from './recordedRepository.ts'
import { RECORDED_SCHEMA } from './recordedSchema.ts'

const schema = buildSchema(RECORDED_SCHEMA)
const request = z.object({ query: z.string(), variables: z.record(z.string(), z.unknown()).nullish() })

/** What GraphQL needs of the server. */
export interface GraphqlServer {
  host: RepositoryHost
  /** Larger pages of an outermost list are answered 502. */
  pageLimit: number
  /** What the asker has left of GraphQL's points. */
  quota(): Quota
  spend(points: number): void
}

/** Answers `POST /graphql`: errors of the query come with status 200, as GitHub sends them. */
export async function answerGraphql(body: unknown, server: GraphqlServer): Promise<{ status: number; text: string }> {
  const asked = request.safeParse(body)
  if (!asked.success)
    return reply({ errors: [{ message: 'A query attribute must be specified and must be a string.' }] })
  const variables = asked.data.variables ?? {}
  let document: DocumentNode
  try {
    document = parse(asked.data.query)
  } catch (error) {
    return reply({ errors: [{ message: (error as Error).message }] })
  }
  const invalid = validate(schema, document)
  if (invalid.length > 0) return reply({ errors: invalid.map(({ message }) => ({ message })) })
  const cost = costQuery(schema, document, variables)
  if (cost.kind === 'refused') return reply({ errors: [{ type: cost.type, message: cost.message }] })
  if (cost.outermost > server.pageLimit) {
    return {
      status: 502,
      text: JSON.stringify({
        message:
          "We couldn't respond to your request in time. Sorry about that. Please try resubmitting your request and contact us if the problem persists.",
      }),
    }
  }
  if (cost.points > server.quota().remaining) {
    return reply({ errors: [{ type: 'RATE_LIMITED', message: 'API rate limit exceeded for user ID 1.' }] })
  }
  server.spend(cost.points)
  const { data, errors } = await execute({
    schema,
    document,
    variableValues: variables,
    rootValue: { ...readRoot(server.host), rateLimit: () => showRateLimit(server.quota(), cost) },
  })
  return reply({ data, ...(errors ? { errors: errors.map(showError) } : {}) })
}

function readRoot(host: RepositoryHost) {
  return {
    async repository({ owner, name }: { owner: string; name: string }) {
      const found = await host.find(owner, name)
      if (found) return showRepository(found)
      throw new NotFound(`Could not resolve to a Repository with the name '${owner}/${name}'.`)
    },
    async node({ id }: { id: string }) {
      const named = readNodeId(id)
      const repository = named && (await host.find(named.owner, named.name))
      const pull = named && repository?.pull(named.number)
      if (repository && pull && nodeId('PullRequest', repository.name, named.number) === id) {
        return showPull(repository, pull)
      }
      throw new NotFound(`Could not resolve to a node with the global id of '${id}'`)
    },
  }
}

/** Nothing by that name or id. */
class NotFound extends Error {
  override name = 'NotFound'
}

function showRateLimit(quota: Quota, cost: { points: number; nodes: number }) {
  const { limit, remaining, used, reset } = quota
  const resetAt = new Date(reset * 1000).toISOString().replace('.000Z', 'Z')
  return { limit, remaining, used, resetAt, cost: cost.points, nodeCount: cost.nodes }
}

function showError({ message, path, originalError }: GraphQLError) {
  return { ...(originalError instanceof NotFound ? { type: 'NOT_FOUND' } : {}), path, message }
}

function reply(value: unknown): { status: number; text: string } {
  return { status: 200, text: JSON.stringify(value) }
}

import {
  getNamedType,
  isObjectType,
  Kind,
  valueFromASTUntyped,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  type SelectionSetNode,
} from 'graphql'

/** What a query costs by GitHub's published formula, or why GitHub would not run it. */
export type QueryCost =
  | { kind: 'cost'; points: number; nodes: number; outermost: number }
  | { kind: 'refused'; type: string; message: string }

const MAX_PAGE = 100
const MAX_NODES = 500_000

/**
 * The cost of a valid query: the requests that it takes to fill each connection, when each page before it is full, by
 * 100, rounded, one at least. `nodes` is how many it may return, `outermost` the largest page of a connection that
 * stands in no other. A connection without `first` or `last`, or with more than 100, is refused, and so are more than
 * 500,000 nodes.
 */
export function costQuery(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Readonly<Record<string, unknown>>,
): QueryCost {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const one of document.definitions) {
    if (one.kind === Kind.FRAGMENT_DEFINITION) fragments.set(one.name.value, one)
  }
  let [requests, nodes, outermost] = [0, 0, 0]
  let refusal: Extract<QueryCost, { kind: 'refused' }> | null = null

  const walkField = (node: FieldNode, parent: GraphQLNamedType, times: number) => {
    const field = 'getFields' in parent ? parent.getFields()[node.name.value] : undefined
    if (!field || !node.selectionSet) return
    const type = getNamedType(field.type)
    let size = 1
    if (isObjectType(type) && type.name.endsWith('Connection')) {
      const page = readPageSize(node, variables)
      if (page === null || page < 1 || page > MAX_PAGE) refusal ??= refusePage(node.name.value, page)
      size = page ?? 1
      requests += times
      nodes += times * size
      if (times === 1) outermost = Math.max(outermost, size)
    }
    walk(node.selectionSet, type as GraphQLNamedType, times * size)
  }
  const walk = (selections: SelectionSetNode, parent: GraphQLNamedType, times: number) => {
    for (const node of selections.selections) {
      if (node.kind === Kind.FIELD) {
        walkField(node, parent, times)
        continue
      }
      const fragment = node.kind === Kind.INLINE_FRAGMENT ? node : fragments.get(node.name.value)
      if (!fragment) continue
      const named = fragment.typeCondition ? schema.getType(fragment.typeCondition.name.value) : parent
      if (named) walk(fragment.selectionSet, named, times)
    }
  }

  const query = schema.getQueryType()
  for (const one of document.definitions) {
    if (one.kind === Kind.OPERATION_DEFINITION && query) walk(one.selectionSet, query, 1)
  }
  if (refusal) return refusal
  if (nodes > MAX_NODES) {
    const message = `This query requests up to ${nodes} possible nodes which exceeds the maximum limit of ${MAX_NODES}.`
    return { kind: 'refused', type: 'MAX_NODE_LIMIT_EXCEEDED', message }
  }
  return { kind: 'cost', points: Math.max(1, Math.round(requests / 100)), nodes, outermost }
}

function readPageSize(node: FieldNode, variables: Readonly<Record<string, unknown>>): number | null {
  const given = node.arguments?.find(({ name }) => name.value === 'first' || name.value === 'last')
  const size = given && valueFromASTUntyped(given.value, variables)
  return typeof size === 'number' ? size : null
}

function refusePage(name: string, size: number | null): Extract<QueryCost, { kind: 'refused' }> {
  if (size === null) {
    const message = `You must provide a \`first\` or \`last\` value to properly paginate the \`${name}\` connection.`
    return { kind: 'refused', type: 'MISSING_PAGINATION_BOUNDARIES', message }
  }
  const message = `Requesting ${size} records on the \`${name}\` connection exceeds the \`first\` limit of ${MAX_PAGE} records.`
  return { kind: 'refused', type: 'EXCESSIVE_PAGINATION', message }
}

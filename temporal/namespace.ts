import type { Connection } from '@temporalio/client'
import { msToTs } from '@temporalio/common/lib/time.js'
import { COMMAND_LINE_TYPE, SEARCH_ATTRIBUTES } from './searchAttributes.ts'

/** How long a namespace keeps closed workflows for prchain: 30 days. A dev server's own default is one. */
export const RETENTION_DAYS = 30

const DAY_SECONDS = 24 * 60 * 60

/** `IndexedValueType` of Temporal's API, by number, for what it may find registered. */
const INDEXED_VALUE_TYPES = ['unspecified', 'Text', 'Keyword', 'Int', 'Double', 'Bool', 'Datetime', 'KeywordList']

/** A search attribute that prchain needs is registered with another type, which only an operator can resolve. */
export class SearchAttributeConflict extends Error {
  override name = 'SearchAttributeConflict'
}

/**
 * Registers prchain's search attributes with a namespace of any server, and returns the names that were not there
 * before. Idempotent, also when several processes do it at once.
 *
 * Throws {@link SearchAttributeConflict}, with nothing registered, when one exists with another type; another error,
 * which says what an operator can do, when the server does not let them be listed or registered.
 */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<string[]> {
  try {
    const missing = await listMissing(connection, namespace)
    if (missing.length === 0) return []
    const searchAttributes = Object.fromEntries(
      missing.map(({ name, type }) => [name, INDEXED_VALUE_TYPES.indexOf(COMMAND_LINE_TYPE[type])]),
    )
    try {
      await connection.operatorService.addSearchAttributes({ namespace, searchAttributes })
    } catch (error) {
      // Another process may have been quicker: what counts is that all are there now.
      if ((await listMissing(connection, namespace)).length > 0) throw error
      return []
    }
    return missing.map(({ name }) => name)
  } catch (cause) {
    if (cause instanceof SearchAttributeConflict) throw cause
    throw new Error(
      `cannot register prchain's search attributes with namespace ${namespace}: ${String(cause)}; ` +
        'let an operator do it (docs/temporal.md lists them), and start again',
      { cause },
    )
  }
}

async function listMissing(connection: Connection, namespace: string) {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace })
  return SEARCH_ATTRIBUTES.filter(({ name, type }) => {
    const found = customAttributes?.[name]
    if (found === undefined || found === null) return true
    const foundType = INDEXED_VALUE_TYPES[found] ?? `type ${found}`
    if (foundType === COMMAND_LINE_TYPE[type]) return false
    throw new SearchAttributeConflict(
      `search attribute ${name} of namespace ${namespace} is ${foundType}, prchain needs ${COMMAND_LINE_TYPE[type]}; ` +
        `use a namespace of its own, or remove it: temporal operator search-attribute remove --name ${name}`,
    )
  })
}

/**
 * Raises a namespace's retention to at least `days`, so that closed chains stay visible and can be resumed, and returns
 * the retention that it then has, in days. A longer one is left alone. Idempotent.
 */
export async function raiseRetention(
  connection: Connection,
  namespace: string,
  days = RETENTION_DAYS,
): Promise<number> {
  const { config } = await connection.workflowService.describeNamespace({ namespace })
  const heldDays = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / DAY_SECONDS
  if (heldDays >= days) return heldDays
  const updated = await connection.workflowService.updateNamespace({
    namespace,
    config: { workflowExecutionRetentionTtl: msToTs(days * DAY_SECONDS * 1000) },
  })
  return Number(updated.config?.workflowExecutionRetentionTtl?.seconds ?? 0) / DAY_SECONDS
}

/**
 * The search attributes that prchain's workflows set, with Temporal's types as the SDK spells them. Plain data: whoever
 * defines typed keys for workflows defines them from the same names and types, and a test holds the two together.
 */
export const SEARCH_ATTRIBUTES = [
  { name: 'Campaign', type: 'KEYWORD' },
  { name: 'Repository', type: 'KEYWORD' },
  { name: 'Chain', type: 'KEYWORD' },
  { name: 'Scaffold', type: 'KEYWORD' },
  { name: 'ChainStatus', type: 'KEYWORD' },
  { name: 'Stage', type: 'INT' },
  { name: 'Round', type: 'INT' },
  { name: 'Score', type: 'DOUBLE' },
  { name: 'NeedsAttention', type: 'BOOL' },
] as const

/** The type of a search attribute, as the SDK spells it. */
export type SearchAttributeTypeName = (typeof SEARCH_ATTRIBUTES)[number]['type']

/** The same types as Temporal's command line spells them. */
export const COMMAND_LINE_TYPE = {
  KEYWORD: 'Keyword',
  INT: 'Int',
  DOUBLE: 'Double',
  BOOL: 'Bool',
} as const satisfies Record<SearchAttributeTypeName, string>

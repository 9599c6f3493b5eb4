import { z } from 'zod'
import type { ToolCall } from '../formats/chat.ts'
import { AGENT_TOOLS } from './tools.ts'

/** What a command line can hold. */
const text = z.string().refine((value) => !value.includes('\0'), 'must not contain a NUL character')
const path = text.min(1)
const line = z.number().int().min(1)

const argumentsOf = {
  shell: z.object({ command: text.min(1) }),
  search: z.object({
    pattern: text.min(1),
    path: path.optional(),
    glob: text.regex(/^[^/]+$/, 'must be a file name with wildcards, without folders').optional(),
  }),
  view: z.object({ path, start: line.optional(), end: line.optional() }),
  edit: z.object({ path, old: z.string(), new: z.string() }),
  write: z.object({ path, content: z.string() }),
  submit: z.object({ summary: z.string() }),
}

type ToolName = keyof typeof argumentsOf

/** A tool call as it was understood, or what is wrong with it in words for the model. */
export type ParsedCall =
  | { [N in ToolName]: { kind: 'right'; name: N; value: z.infer<(typeof argumentsOf)[N]> } }[ToolName]
  | { kind: 'wrong'; text: string }

/** Reads a tool call: a tool that there is, with arguments that are JSON and have the form that it takes. */
export function readToolCall(call: ToolCall): ParsedCall {
  const { name, arguments: given } = call.function
  if (!Object.hasOwn(argumentsOf, name)) {
    const known = AGENT_TOOLS.map((tool) => tool.function.name).join(', ')
    return { kind: 'wrong', text: `There is no tool "${name}". The tools are: ${known}.` }
  }
  let json: unknown
  try {
    json = JSON.parse(given)
  } catch (error) {
    return { kind: 'wrong', text: `The arguments of "${name}" are not JSON: ${(error as Error).message}` }
  }
  const result = argumentsOf[name as ToolName].safeParse(json)
  if (result.success) return { kind: 'right', name, value: result.data } as ParsedCall
  return { kind: 'wrong', text: `The arguments of "${name}" are wrong: ${z.prettifyError(result.error)}` }
}

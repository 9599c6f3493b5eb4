import { askModel, type Endpoint, type Message } from './model.ts'
import { runTool, TOOLS } from './tools.ts'

const SYSTEM_PROMPT = 'You work on the repository in your working directory. When the work is done, say so.'

/** A turn of an earlier query, as sii-agent-sdk writes it: tool calls are text. */
export interface Turn {
  role: 'system' | 'user' | 'assistant' | 'tool'
  content: string
}

/**
 * Works until the model asks for no tool, or has answered so many times. As SII-CLI is said to do, it takes a call that
 * fails for the end, and says nothing of the failure.
 */
export async function runAgent(options: {
  endpoint: Endpoint
  cwd: string
  prompt: string
  history: readonly Turn[]
  systemPrompt: string | undefined
  maxTurns: number
  signal: AbortSignal
  emit: (event: object) => void
}): Promise<{ turns: number; tokens: number }> {
  const { endpoint, cwd, prompt, history, systemPrompt = SYSTEM_PROMPT, maxTurns, signal, emit } = options
  emit({
    type: 'status',
    status: 'running',
    message: 'prchain’s test bridge, a stand-in for SII-CLI',
    auth_type: 'USE_OPENAI',
    available_tools: TOOLS.map((tool) => tool.function.name),
  })
  const messages: Message[] = [
    { role: 'system', content: systemPrompt },
    // A tool's answer without a call of a tool is no message of the protocol.
    ...history.map(({ role, content }) => ({ role: role === 'tool' ? ('user' as const) : role, content })),
    { role: 'user', content: prompt },
  ]
  let turns = 0
  let tokens = 0
  while (turns < maxTurns) {
    const reply = await askModel(endpoint, { messages, tools: TOOLS, signal })
    if (reply === null) return { turns, tokens: 0 }
    turns++
    tokens += reply.tokens
    messages.push(reply.message)
    if (reply.message.content !== '')
      emit({ type: 'assistant_message', content: [{ type: 'text', text: reply.message.content }] })
    const calls = reply.message.tool_calls ?? []
    if (calls.length === 0) break
    for (const { id, function: called } of calls) {
      const { content, isError } = runTool(called.name, called.arguments, {
        cwd,
        onCall: (args) => emit({ type: 'tool_call', tool_name: called.name, tool_call_id: id, args }),
      })
      emit({ type: 'tool_result', tool_use_id: id, content, is_error: isError })
      messages.push({ role: 'tool', tool_call_id: id, content })
    }
  }
  return { turns, tokens }
}

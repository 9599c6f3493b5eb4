import { z } from 'zod'

/** A tool call as the model made it. `arguments` is the text on the wire, which need not be JSON. */
export const toolCall = z.object({
  id: z.string(),
  type: z.literal('function'),
  function: z.object({ name: z.string(), arguments: z.string() }),
})
/** A tool call as the model made it. */
export type ToolCall = z.infer<typeof toolCall>

/** A chat message in the OpenAI shape. */
export const message = z.discriminatedUnion('role', [
  z.object({ role: z.literal('system'), content: z.string() }),
  z.object({ role: z.literal('user'), content: z.string() }),
  z.object({
    role: z.literal('assistant'),
    content: z.string(),
    reasoning_content: z.string().optional(),
    tool_calls: z.array(toolCall).optional(),
  }),
  z.object({ role: z.literal('tool'), tool_call_id: z.string(), content: z.string() }),
])
/** A chat message in the OpenAI shape. */
export type Message = z.infer<typeof message>
/** The model's turn. */
export type AssistantMessage = Extract<Message, { role: 'assistant' }>

/** A tool's schema as it is sent. `parameters` is JSON Schema; a tool that takes none may leave it out. */
export const tool = z.object({
  type: z.literal('function'),
  function: z.object({
    name: z.string(),
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
  }),
})
/** A tool's schema as it is sent. */
export type Tool = z.infer<typeof tool>

/** One request for a chat completion. */
export interface ChatRequest {
  model: string
  messages: readonly Message[]
  tools?: readonly Tool[]
  temperature?: number
  max_tokens?: number
  seed?: number
}

/** Tokens as the provider counted them; zeros where it did not. */
export const usage = z.object({
  promptTokens: z.number().int().nonnegative(),
  completionTokens: z.number().int().nonnegative(),
  cachedTokens: z.number().int().nonnegative(),
  /** Those of `completionTokens` that were reasoning; absent where the provider did not say. */
  reasoningTokens: z.number().int().nonnegative().optional(),
})
/** Tokens as the provider counted them. */
export type Usage = z.infer<typeof usage>

/** What the provider answered. */
export const chatReply = z.object({
  id: z.string(),
  /** The model that the provider says answered. */
  model: z.string(),
  message: message.options[2],
  finishReason: z.string(),
  usage,
  /** What else it sent, such as a refusal or log probabilities: members of the message, of the choice around it, of the whole. Absent when there was nothing. */
  other: z
    .object({
      message: z.record(z.string(), z.unknown()).optional(),
      choice: z.record(z.string(), z.unknown()).optional(),
      whole: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
})
/** What the provider answered. */
export type ChatReply = z.infer<typeof chatReply>

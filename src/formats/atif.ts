import { z } from 'zod'
import { sample, sampleMessage, trajectory } from './sample.ts'
import { importedTrajectory } from './trajectory.ts'

const VERSIONS = ['1.0', '1.1', '1.2', '1.3', '1.4', '1.5', '1.6', '1.7', '1.8'] as const
const extra = z.record(z.string(), z.unknown()).nullish()
const count = z.number().int().nullish()

/** A part of a message: text, or media that lie in a file. */
const contentPart = z.strictObject({
  type: z.enum(['text', 'image', 'audio']),
  text: z.string().nullish(),
  source: z.record(z.string(), z.unknown()).nullish(),
})
const content = z.union([z.string(), z.array(contentPart)])

const toolCall = z.strictObject({
  tool_call_id: z.string(),
  function_name: z.string(),
  arguments: z.record(z.string(), z.unknown()),
  extra,
})

const observationResult = z.strictObject({
  source_call_id: z.string().nullish(),
  content: content.nullish(),
  subagent_trajectory_ref: z.array(z.record(z.string(), z.unknown())).nullish(),
  extra,
})
/** What came of one tool call, or of what the agent did otherwise. */
export type AtifResult = z.infer<typeof observationResult>

const metrics = z.strictObject({
  prompt_tokens: count,
  completion_tokens: count,
  cached_tokens: count,
  cost_usd: z.number().nullish(),
  prompt_token_ids: z.array(z.number().int()).nullish(),
  completion_token_ids: z.array(z.number().int()).nullish(),
  logprobs: z.array(z.number()).nullish(),
  extra,
})

const AGENT_ALONE = ['model_name', 'reasoning_effort', 'reasoning_content', 'tool_calls', 'metrics'] as const

const step = z
  .strictObject({
    step_id: z.number().int().positive(),
    timestamp: z
      .string()
      .refine((text) => !Number.isNaN(Date.parse(text)), 'expected an ISO 8601 time')
      .nullish(),
    source: z.enum(['system', 'user', 'agent']),
    model_name: z.string().nullish(),
    reasoning_effort: z.union([z.string(), z.number()]).nullish(),
    message: content,
    reasoning_content: z.string().nullish(),
    tool_calls: z.array(toolCall).nullish(),
    observation: z.strictObject({ results: z.array(observationResult) }).nullish(),
    metrics: metrics.nullish(),
    is_copied_context: z.boolean().nullish(),
    llm_call_count: z.number().int().nonnegative().nullish(),
    extra,
  })
  .superRefine((one, context) => {
    const refuse = (message: string) => context.addIssue({ code: 'custom', message })
    const odd = AGENT_ALONE.find((name) => one.source !== 'agent' && one[name] != null)
    if (odd) refuse(`${odd} belongs to steps of the agent, and this one is the ${one.source}'s`)
    if (one.source === 'agent' && one.llm_call_count === 0 && (one.metrics != null || one.reasoning_content != null))
      refuse('a step without a model call has neither metrics nor reasoning_content')
    const ids = new Set((one.tool_calls ?? []).map((call) => call.tool_call_id))
    const lost = (one.observation?.results ?? []).find(({ source_call_id: id }) => id != null && !ids.has(id))
    if (lost) refuse(`a result names the tool call ${lost.source_call_id}, which the step does not make`)
  })
/** One step of an ATIF trajectory. */
export type AtifStep = z.infer<typeof step>

/**
 * The Agent Trajectory Interchange Format of Harbor (its RFC 0001), versions 1.0 to 1.8, as strict as Harbor's own
 * models are: members that they do not know are refused.
 */
export const atif = z.strictObject({
  schema_version: z.enum(VERSIONS.map((version) => `ATIF-v${version}` as const)),
  session_id: z.string().nullish(),
  trajectory_id: z.string().nullish(),
  agent: z.strictObject({
    name: z.string(),
    version: z.string(),
    model_name: z.string().nullish(),
    tool_definitions: z.array(z.record(z.string(), z.unknown())).nullish(),
    extra,
  }),
  steps: z
    .array(step)
    .min(1)
    .superRefine((steps, context) => {
      const index = steps.findIndex((one, at) => one.step_id !== at + 1)
      if (index !== -1)
        context.addIssue({
          code: 'custom',
          path: [index, 'step_id'],
          message: `expected ${index + 1}: steps count from 1`,
        })
    }),
  notes: z.string().nullish(),
  final_metrics: z
    .strictObject({
      total_prompt_tokens: count,
      total_completion_tokens: count,
      total_cached_tokens: count,
      total_cost_usd: z.number().nullish(),
      total_steps: z.number().int().nonnegative().nullish(),
      extra,
    })
    .nullish(),
  continued_trajectory_ref: z.string().nullish(),
  extra,
  /** Trajectories of sub-agents, each a whole document; they are not looked into. */
  subagent_trajectories: z.array(z.record(z.string(), z.unknown())).nullish(),
})
/** A trajectory in the Agent Trajectory Interchange Format. */
export type Atif = z.infer<typeof atif>

const [, , assistant, tool] = sampleMessage.options
const place = assistant.pick({ stage: true, phase: true, round: true }).shape

/** What we keep under `extra.prchain` of a step, beside what ATIF has a member for. */
export const stepExtra = z.strictObject({
  ...place,
  train: z.boolean().optional(),
  /** Of a call: what `metrics`, `model_name` and `timestamp` do not tell. */
  call: assistant.shape.step
    .unwrap()
    .pick({ record: true, finishReason: true, finishedAt: true })
    .nullable()
    .optional(),
})
/** What we keep under `extra.prchain` of a result. A result outside of its step names the tool call here. */
export const resultExtra = z.strictObject({
  ...tool.pick({ name: true, execution: true }).shape,
  tool_call_id: z.string().optional(),
})
/** What we keep under `extra.prchain` of a step that ATIF's convention puts between two contexts. */
export const boundaryExtra = z.strictObject({ segment: z.number().int().positive() })
/** What we keep under `extra.prchain` of the document. */
export const documentExtra = z.strictObject({
  format: z.enum([sample.shape.format.value, importedTrajectory.shape.format.value]),
  sample: importedTrajectory.shape.sample,
  toolSets: trajectory.toolSets,
  /** By the texts of this document. */
  redactions: trajectory.redactions,
})

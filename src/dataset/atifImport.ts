import { listMasked, mapStrings } from '../domain/masked.ts'
import {
  atif,
  boundaryExtra,
  documentExtra,
  resultExtra,
  stepExtra,
  type Atif,
  type AtifResult,
  type AtifStep,
} from '../formats/atif.ts'
import type { SampleMessage, SentTool } from '../formats/sample.ts'
import type { ImportedTrajectory } from '../formats/trajectory.ts'
import { prettifyError, type z } from 'zod'

type Assistant = Extract<SampleMessage, { role: 'assistant' }>
type Trajectory = Pick<ImportedTrajectory, 'messages' | 'segments' | 'tools' | 'toolSets' | 'redactions' | 'sample'>

const MICRO = 1_000_000
const PLACE = { stage: 0, phase: 'work', round: 0 } as const

/** A document that is no ATIF trajectory, or one that cannot be told in ours. */
export class AtifError extends Error {
  override name = 'AtifError'
}

/** What came of a document: a trajectory, and what it says of where it is from. */
export interface AtifRead {
  trajectory: Trajectory
  source: Omit<ImportedTrajectory['source'], 'document'>
}

/**
 * Reads an ATIF document. Every text is passed through `redact`. Steps that prchain wrote come back as they were; of
 * others the agent's turns are to be trained on unless the document says that they are copied context or no model's, or
 * they have a mask in them or call a tool that is not defined. Throws {@link AtifError}.
 */
export function importAtif(text: string, redact: (text: string) => string): AtifRead {
  const document = parse(text)
  const own = ownExtra(documentExtra, document.extra, 'the document')
  const left = new Set<string>()
  const tools = (document.agent.tool_definitions ?? []).map(readTool)
  const messages: SampleMessage[] = []
  const segments = [0]
  for (const step of document.steps) {
    if (isBoundary(step) && messages.length > segments.at(-1)!) segments.push(messages.length)
    messages.push(...readStep(step, document, tools, left))
  }
  noteLeft(document, own !== null, left)
  const masked = messages.map((message) => maskMessage(message, redact))
  return {
    trajectory: {
      messages: masked,
      segments: segments.filter((at) => at < masked.length),
      tools,
      toolSets: own?.toolSets ?? toolSetsOf(masked, tools),
      redactions: listMasked(masked, '/messages'),
      sample: own?.sample ?? null,
    },
    source: {
      version: document.schema_version,
      agent: {
        ...{ name: document.agent.name, version: document.agent.version },
        model: document.agent.model_name ?? null,
      },
      session: document.session_id ?? null,
      trajectory: document.trajectory_id ?? null,
      leftOut: [...left].sort(),
    },
  }
}

function parse(text: string): Atif {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new AtifError(`it is not JSON: ${(cause as Error).message}`, { cause })
  }
  const parsed = atif.safeParse(value)
  if (!parsed.success) throw new AtifError(`it is no ATIF trajectory: ${prettifyError(parsed.error)}`)
  return parsed.data
}

/** What prchain wrote under `extra`; null where it wrote nothing. */
function ownExtra<T>(schema: z.ZodType<T>, extra: Record<string, unknown> | null | undefined, where: string): T | null {
  if (extra == null || !Object.hasOwn(extra, 'prchain')) return null
  const parsed = schema.safeParse(extra['prchain'])
  if (parsed.success) return parsed.data
  throw new AtifError(`extra.prchain of ${where} is not as prchain writes it: ${prettifyError(parsed.error)}`)
}

function readTool(given: Record<string, unknown>, index: number): SentTool {
  const called = given['function'] as { name?: unknown } | undefined
  if (given['type'] === 'function' && typeof called?.name === 'string') return given as SentTool
  throw new AtifError(
    `agent.tool_definitions[${index}] is no function in OpenAI’s shape: {"type": "function", "function": {"name": …}}`,
  )
}

/** Whether the agent's context is replaced at a step: the convention of ATIF 1.7. */
function isBoundary({ source, extra }: AtifStep): boolean {
  const context = extra?.['context_management'] as { boundary?: unknown } | null | undefined
  return source === 'system' && context?.boundary === 'replace'
}

function readStep(step: AtifStep, { agent }: Atif, tools: readonly SentTool[], left: Set<string>): SampleMessage[] {
  const where = `step ${step.step_id}`
  const results = step.observation?.results ?? []
  if (isBoundary(step)) {
    if (ownExtra(boundaryExtra, step.extra, where)) return []
    // What the context is replaced by is the observation; the message is for people.
    if (textOf(step.message, where) !== '') left.add('steps[].message of context boundaries')
    return results.map((result) => ({
      ...PLACE,
      role: 'user',
      content: textOf(result.content, where),
      isRepeated: false,
    }))
  }
  const own = ownExtra(stepExtra, step.extra, where)
  const { stage, phase, round } = own ?? PLACE
  const place = { stage, phase, round, isRepeated: step.is_copied_context === true }
  if (step.source === 'agent') {
    const turn = readTurn(step, own, { place, model: agent.model_name ?? '', tools })
    return [turn, ...results.map((result) => readResult(result, turn))]
  }
  const strays = results.map((result) => readResult(result, { ...place, tool_calls: [] }))
  const content = textOf(step.message, where)
  const isStray = content === '' && strays.some(({ role }) => role === 'tool')
  return isStray ? strays : [{ role: step.source, content, ...place }, ...strays]

  function readResult(
    result: AtifResult,
    turn: Pick<Assistant, 'stage' | 'phase' | 'round' | 'isRepeated' | 'tool_calls'>,
  ): SampleMessage {
    const at = { stage: turn.stage, phase: turn.phase, round: turn.round, isRepeated: turn.isRepeated }
    const content = textOf(result.content, where)
    const ownResult = ownExtra(resultExtra, result.extra, `a result of ${where}`)
    const id = ownResult?.tool_call_id ?? result.source_call_id
    // What answers no tool call is what an agent without tools is told next.
    if (id == null) return { role: 'user', content, ...at }
    const name = ownResult?.name ?? turn.tool_calls?.findLast((call) => call.id === id)?.function.name ?? ''
    return { role: 'tool', tool_call_id: id, name, content, execution: ownResult?.execution ?? null, ...at }
  }
}

function readTurn(
  step: AtifStep,
  own: z.infer<typeof stepExtra> | null,
  {
    place,
    model,
    tools,
  }: { place: Pick<Assistant, 'stage' | 'phase' | 'round' | 'isRepeated'>; model: string; tools: readonly SentTool[] },
): Assistant {
  const names = new Set(tools.map((tool) => tool.function.name))
  const calls = step.tool_calls?.map(({ tool_call_id: id, function_name: name, arguments: given }) => ({
    id,
    type: 'function' as const,
    function: { name, arguments: given },
  }))
  const isModels = !place.isRepeated && step.llm_call_count !== 0
  const isDefined = names.size === 0 || (calls ?? []).every((call) => names.has(call.function.name))
  return {
    role: 'assistant',
    content: textOf(step.message, `step ${step.step_id}`),
    ...(step.reasoning_content == null ? {} : { reasoning_content: step.reasoning_content }),
    ...(calls ? { tool_calls: calls } : {}),
    train: own?.train ?? (isModels && isDefined),
    step: own
      ? own.call
        ? { ...own.call, ...callOf(step, model) }
        : null
      : isModels
        ? foreignCall(step, model)
        : null,
    ...place,
  }
}

function foreignCall(step: AtifStep, model: string): NonNullable<Assistant['step']> {
  return { record: null, finishReason: null, finishedAt: null, ...callOf(step, model) }
}

function callOf(
  step: AtifStep,
  model: string,
): Pick<NonNullable<Assistant['step']>, 'model' | 'startedAt' | 'usage' | 'costMicroUsd'> {
  const { metrics } = step
  const reasoning = metrics?.extra?.['reasoning_tokens']
  return {
    model: step.model_name ?? model,
    startedAt: step.timestamp == null ? null : new Date(inUtc(step.timestamp)).toISOString(),
    usage: {
      promptTokens: metrics?.prompt_tokens ?? 0,
      completionTokens: metrics?.completion_tokens ?? 0,
      cachedTokens: metrics?.cached_tokens ?? 0,
      ...(Number.isInteger(reasoning) ? { reasoningTokens: reasoning as number } : {}),
    },
    costMicroUsd: metrics?.cost_usd == null ? null : Math.round(metrics.cost_usd * MICRO),
  }
}

/** A time without a zone is taken for UTC, wherever it is read. */
function inUtc(time: string): string {
  return /T.*(?:Z|[+-]\d\d:?\d\d)$/.test(time) || !time.includes('T') ? time : `${time}Z`
}

function textOf(content: AtifStep['message'] | null | undefined, where: string): string {
  if (content == null || typeof content === 'string') return content ?? ''
  return content
    .map(({ type, text }) => {
      if (type === 'text') return text ?? ''
      throw new AtifError(
        `${where} has ${type === 'image' ? 'an image' : 'audio'} in it: a trajectory here is text alone`,
      )
    })
    .join('')
}

function maskMessage(message: SampleMessage, redact: (text: string) => string): SampleMessage {
  if (message.role !== 'assistant') return { ...message, content: redact(message.content) }
  const { content, reasoning_content: reasoning, tool_calls: calls } = message
  const said = mapStrings({ content, reasoning, calls }, redact) as {
    content: string
    reasoning?: string
    calls?: typeof calls
  }
  return {
    ...message,
    content: said.content,
    ...(reasoning === undefined ? {} : { reasoning_content: said.reasoning! }),
    ...(calls === undefined ? {} : { tool_calls: said.calls! }),
    train: message.train && listMasked(said).length === 0,
  }
}

function toolSetsOf(messages: readonly SampleMessage[], tools: readonly SentTool[]): Trajectory['toolSets'] {
  const from = messages.findIndex(({ role }) => role === 'assistant')
  if (from === -1 || tools.length === 0) return []
  return [{ from, names: tools.map((tool) => tool.function.name), schemas: null }]
}

/** Notes what a document has that a trajectory here does not hold. */
function noteLeft(document: Atif, isOwn: boolean, left: Set<string>): void {
  const note = (path: string, value: unknown) => value != null && left.add(path)
  const { notes, continued_trajectory_ref: continued, subagent_trajectories: agents } = document
  note('notes', notes)
  note('continued_trajectory_ref', continued)
  note('subagent_trajectories', agents)
  for (const {
    source,
    timestamp,
    metrics,
    reasoning_effort: effort,
    observation,
    tool_calls: calls,
  } of document.steps) {
    if (source !== 'agent') note('steps[].timestamp of others than the agent', timestamp)
    note('steps[].reasoning_effort', effort)
    for (const name of ['prompt_token_ids', 'completion_token_ids', 'logprobs'] as const)
      note(`steps[].metrics.${name}`, metrics?.[name])
    for (const call of calls ?? []) note('steps[].tool_calls[].extra', call.extra)
    for (const result of observation?.results ?? [])
      note('steps[].observation.results[].subagent_trajectory_ref', result.subagent_trajectory_ref)
  }
  if (isOwn) return
  note('final_metrics', document.final_metrics)
  note('extra', document.extra)
  note('agent.extra', document.agent.extra)
  for (const { extra, observation, metrics } of document.steps) {
    note('steps[].extra', extra)
    note('steps[].metrics.extra', metrics?.extra)
    for (const result of observation?.results ?? []) note('steps[].observation.results[].extra', result.extra)
  }
}

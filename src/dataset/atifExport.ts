import { listMasked } from '../domain/masked.ts'
import { sumSteps } from '../domain/sample.ts'
import type { Atif, AtifResult, AtifStep } from '../formats/atif.ts'
import type { Sample, SampleMessage } from '../formats/sample.ts'
import type { ImportedTrajectory } from '../formats/trajectory.ts'

type Assistant = Extract<SampleMessage, { role: 'assistant' }>
type Answer = Extract<SampleMessage, { role: 'tool' }>

const MICRO = 1_000_000
const BOUNDARY = 'Another conversation begins.'

/** A sample, or a trajectory that was imported, as one ATIF document. A function of its input alone. */
export function exportAtif(given: Sample | ImportedTrajectory): Atif {
  const { messages, segments, tools, toolSets } = given
  const steps = toSteps(messages, segments)
  const { usage, costMicroUsd } = sumSteps(messages)
  return {
    schema_version: 'ATIF-v1.8',
    ...describe(given),
    steps,
    final_metrics: {
      total_prompt_tokens: usage.promptTokens,
      total_completion_tokens: usage.completionTokens,
      total_cached_tokens: usage.cachedTokens,
      ...(costMicroUsd === null ? {} : { total_cost_usd: costMicroUsd / MICRO }),
      total_steps: steps.length,
    },
    extra: {
      prchain: {
        format: given.format,
        sample: given.format === 'prchain.sample/2' ? restOf(given) : given.sample,
        toolSets,
        redactions: listMasked(steps, '/steps'),
      },
    },
  }

  function describe(one: Sample | ImportedTrajectory): Pick<Atif, 'session_id' | 'trajectory_id' | 'agent'> {
    if (one.format === 'prchain.sample/2') {
      // The native agent has no version of its own: what it was told tells one from another.
      const version = one.scaffoldVersion ?? one.prompts.slice('sha256:'.length, 'sha256:'.length + 12)
      const agent = { name: one.scaffold, version, model_name: one.model, tool_definitions: tools }
      return { session_id: one.id, trajectory_id: one.id, agent }
    }
    const { session, trajectory, agent } = one.source
    return {
      ...(session === null ? {} : { session_id: session }),
      ...(trajectory === null ? {} : { trajectory_id: trajectory }),
      agent: {
        ...{ name: agent.name, version: agent.version },
        ...(agent.model === null ? {} : { model_name: agent.model }),
        tool_definitions: tools,
      },
    }
  }
}

/** What a sample says of itself beside its trajectory. */
function restOf(sample: Sample): NonNullable<ImportedTrajectory['sample']> {
  const { format: _, messages: _m, segments: _s, tools: _t, toolSets: _ts, redactions: _r, ...rest } = sample
  return rest
}

/** Steps by ATIF's rules: a turn has the answers to its tool calls in it, and a new context begins with a boundary. */
function toSteps(messages: readonly SampleMessage[], segments: readonly number[]): AtifStep[] {
  const steps: AtifStep[] = []
  const push = (step: Omit<AtifStep, 'step_id'>) => steps.push({ step_id: steps.length + 1, ...step })
  for (let at = 0; at < messages.length;) {
    const segment = segments.indexOf(at)
    if (segment > 0) {
      push({
        ...{ source: 'system', message: BOUNDARY, observation: { results: [{ content: '' }] } },
        extra: { context_management: { type: 'restart', boundary: 'replace' }, prchain: { segment } },
      })
    }
    const message = messages[at++]!
    if (message.role === 'assistant') {
      const answers = answersTo(message, messages, at, segments)
      at += answers.length
      push(ofTurn(message, answers))
    } else if (message.role === 'tool') push(ofStray(message))
    else {
      const { role, content, isRepeated, ...place } = message
      push({ source: role, message: content, ...copied(isRepeated), extra: { prchain: place } })
    }
  }
  return steps
}

/** The answers that follow a turn, as long as they are to its calls and of its place. */
function answersTo(
  turn: Assistant,
  messages: readonly SampleMessage[],
  from: number,
  segments: readonly number[],
): Answer[] {
  const ids = new Set((turn.tool_calls ?? []).map(({ id }) => id))
  const answers: Answer[] = []
  for (let at = from; at < messages.length && !segments.includes(at); at++) {
    const message = messages[at]!
    const isOwn = message.role === 'tool' && ids.has(message.tool_call_id) && isBeside(turn, message)
    if (!isOwn) break
    answers.push(message)
  }
  return answers
}

function isBeside(a: SampleMessage, b: SampleMessage): boolean {
  return a.stage === b.stage && a.phase === b.phase && a.round === b.round && a.isRepeated === b.isRepeated
}

function ofTurn(turn: Assistant, answers: readonly Answer[]): Omit<AtifStep, 'step_id'> {
  const { stage, phase, round, train, isRepeated, step } = turn
  const { record, finishReason, finishedAt, startedAt, model } = step ?? {}
  const call = step === null ? null : { record, finishReason, finishedAt }
  return {
    ...(startedAt == null ? {} : { timestamp: startedAt }),
    source: 'agent',
    ...(model === undefined ? {} : { model_name: model }),
    message: turn.content,
    ...(turn.reasoning_content === undefined ? {} : { reasoning_content: turn.reasoning_content }),
    ...(turn.tool_calls === undefined
      ? {}
      : {
          tool_calls: turn.tool_calls.map(({ id, function: called }) => ({
            tool_call_id: id,
            function_name: called.name,
            arguments: called.arguments,
          })),
        }),
    ...(answers.length === 0 ? {} : { observation: { results: answers.map(ofAnswer) } }),
    ...(step === null ? {} : { metrics: metricsOf(step), llm_call_count: 1 }),
    ...copied(isRepeated),
    extra: { prchain: { stage, phase, round, train, call } },
  }
}

function metricsOf({ usage, costMicroUsd }: NonNullable<Assistant['step']>): NonNullable<AtifStep['metrics']> {
  const { promptTokens, completionTokens, cachedTokens, reasoningTokens } = usage
  return {
    ...{ prompt_tokens: promptTokens, completion_tokens: completionTokens, cached_tokens: cachedTokens },
    ...(costMicroUsd === null ? {} : { cost_usd: costMicroUsd / MICRO }),
    ...(reasoningTokens === undefined ? {} : { extra: { reasoning_tokens: reasoningTokens } }),
  }
}

function ofAnswer({ tool_call_id: id, name, content, execution }: Answer): AtifResult {
  return { source_call_id: id, content, extra: { prchain: { name, execution } } }
}

/** An answer that does not follow the turn that asked for it: ATIF has no place for it but a step of its own. */
function ofStray({
  tool_call_id: id,
  name,
  content,
  execution,
  isRepeated,
  ...place
}: Answer): Omit<AtifStep, 'step_id'> {
  const { stage, phase, round } = place
  const result = { content, extra: { prchain: { name, execution, tool_call_id: id } } }
  return {
    ...{ source: 'system', message: '', observation: { results: [result] } },
    ...copied(isRepeated),
    extra: { prchain: { stage, phase, round } },
  }
}

function copied(isRepeated: boolean): Pick<AtifStep, 'is_copied_context'> {
  return isRepeated ? { is_copied_context: true } : {}
}

#!/usr/bin/env node
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { runAgent, type Turn } from './agent.ts'

/**
 * A stand-in for SII-CLI's `sii-bridge`, for tests, and not SII-CLI: it takes a query as a JSON line on standard input, as
 * sii-agent-sdk 0.1.11 writes it, works on it as an agent with a model, and tells what it does as JSON lines on standard
 * output. It has no login and uploads nothing; a query that does not turn both off is refused.
 */
interface Query {
  protocol_version?: string
  method?: string
  params?: {
    prompt?: string
    options?: {
      cwd?: string
      auth_type?: string
      yolo?: boolean
      max_turns?: number
      timeout_ms?: number
      model?: string
      enable_data_upload?: boolean
      system_prompt?: string
    }
    history?: Turn[]
    session_id?: string
  }
}

const PROTOCOL = '1.0.0'

const lines = createInterface({ input: process.stdin })
// Whoever asked has gone: nobody would read the rest.
lines.once('close', () => process.exit(0))
lines.on('line', (line) => void answer(JSON.parse(line) as Query).catch(fail))

async function answer(query: Query): Promise<void> {
  const { prompt, options = {}, history = [], session_id: session = `prchain-test-${process.pid}` } = query.params ?? {}
  if (query.protocol_version !== PROTOCOL)
    return refuse('PROTOCOL_MISMATCH', `it speaks protocol ${PROTOCOL}, not ${query.protocol_version}`)
  if (query.method !== 'query' || prompt === undefined)
    return refuse('INVALID_REQUEST', `it answers queries with a prompt, not ${query.method}`)
  const { auth_type: auth, enable_data_upload: isUploading, yolo, max_turns: maxTurns, timeout_ms: timeoutMs } = options
  if (auth !== 'USE_OPENAI') return refuse('AUTH_FAILED', 'it has no login of SII’s', { auth_type: auth })
  if (isUploading !== false) return refuse('UPLOAD_NOT_OFF', 'it uploads nothing, and wants that said')
  if (!yolo || !maxTurns || !timeoutMs) return refuse('INVALID_REQUEST', 'it wants yolo, max_turns and timeout_ms')

  const folder = join(options.cwd ?? process.cwd(), '.sii', 'conversation_logs')
  mkdirSync(folder, { recursive: true })
  const variables = Object.entries(process.env).flatMap(([name, value]) =>
    /^(SII|OPENAI)_/.test(name) ? [`${name}=${value}`] : [],
  )
  appendFileSync(join(folder, `${session}.jsonl`), `${JSON.stringify({ query, variables: variables.sort() })}\n`)

  const startedMs = Date.now()
  const { turns, tokens } = await runAgent({
    endpoint: {
      baseUrl: process.env['SII_OPENAI_BASE_URL'] ?? '',
      apiKey: process.env['SII_OPENAI_API_KEY'] ?? process.env['OPENAI_API_KEY'] ?? '',
      model: options.model ?? process.env['SII_OPENAI_MODEL'] ?? '',
    },
    cwd: options.cwd ?? process.cwd(),
    prompt,
    history,
    systemPrompt: options.system_prompt,
    maxTurns,
    signal: AbortSignal.timeout(timeoutMs),
    emit,
  })
  emit({ type: 'status', status: 'completed', message: 'Task completed' })
  const metadata = { turns_used: turns, time_elapsed: Date.now() - startedMs, tokens_used: tokens, session_id: session }
  emit({ type: 'completed', metadata })
}

function refuse(code: string, message: string, details: object = {}): void {
  emit({ type: 'error', error: { code, message, details } })
}

function fail(error: Error): void {
  refuse('INTERNAL_ERROR', error.message)
}

function emit(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

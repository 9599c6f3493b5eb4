/**
 * Drives `sii-bridge` by its JSON lines as sii-agent-sdk 0.1.11 does, and better: it drains both outputs and takes lines of
 * any length. It stands between the bridge and the gateway itself, to see which calls were answered, for the bridge says
 * that it has completed whatever became of them; a call that the gateway breaks off it asks again until it is answered.
 */
export const SII_CLI_LAUNCHER = `
const { spawn } = require('node:child_process')
const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')

const LONGEST_LINE = 4 * 1024 * 1024
const MOST_KEPT = 32 * 1024 * 1024
const LEAVE_MS = 5_000

const home = path.join(process.env.HOME, '.prchain')
fs.mkdirSync(home, { recursive: true })
const events = path.join(home, 'sii-events.jsonl')
fs.writeFileSync(events, '')

const calls = { made: 0, answered: 0, refusal: null }
const limit = Promise.withResolvers()
const proxied = await watchCalls()
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(SII|OPENAI)_/.test(name)))
Object.assign(env, {
  SII_OPENAI_BASE_URL: proxied,
  SII_OPENAI_API_KEY: spec.token,
  SII_OPENAI_MODEL: spec.model,
  SII_ENABLE_DATA_UPLOAD: 'false',
  SII_SDK_ENTRYPOINT: 'python-sdk',
})
const child = spawn(process.execPath, [spec.programs], { env })
const ended = new Promise((resolve) => {
  child.once('error', (error) => resolve('it could not be started: ' + error.message))
  child.once('close', (code, signal) => resolve('it ended with ' + (signal ?? 'exit code ' + code)))
})
child.stdin.on('error', () => {})
child.stdin.write(JSON.stringify({
  protocol_version: '1.0.0',
  request_id: 'req-' + require('node:crypto').randomBytes(8).toString('hex'),
  method: 'query',
  params: {
    prompt: spec.task,
    options: {
      cwd: process.cwd(),
      auth_type: 'USE_OPENAI',
      yolo: true,
      log_events: false,
      run_model: 'agent',
      model: spec.model,
      max_turns: spec.maxSteps,
      timeout_ms: spec.roundMs,
      enable_data_upload: false,
    },
  },
}) + '\\n')

let complaint = ''
child.stderr.on('data', (data) => (complaint = (complaint + data).slice(-1_000)))
const unread = []
function leaveUnread(line) {
  unread.push(line)
  if (unread.length > 2) unread.shift()
}
let heard = 0
const last = new Promise((resolve) => readLines(child.stdout, (line) => {
  heard++
  let event = null
  try {
    event = JSON.parse(line)
  } catch {}
  if (typeof event?.type !== 'string') return leaveUnread('a line that is no event: ' + line.slice(0, 200))
  if (fs.statSync(events).size < MOST_KEPT) fs.appendFileSync(events, line + '\\n')
  if (event.type === 'completed' || event.type === 'error') resolve(event)
}))
const silent = (async () => {
  await sleep(spec.startMs)
  return heard + calls.made > 0 ? new Promise(() => {}) : 'it said nothing and asked nothing for ' + spec.startMs + ' ms'
})()
const outcome = await Promise.race([last, limit.promise, ended, silent])
child.stdin.end()
await Promise.race([ended, sleep(outcome.type === 'completed' ? LEAVE_MS : 0)])
child.kill('SIGKILL')
return { ...judge(outcome), trajectory: events }

function judge(outcome) {
  const faulty = (fault) => ({ status: null, fault })
  if (outcome.type === 'limit') return { status: 'step-limit', fault: null }
  if (/context_length|maximum context|too many tokens/i.test(calls.refusal)) return { status: 'context-exceeded', fault: null }
  if (typeof outcome === 'string') {
    const more = [...unread, complaint && 'its last words: ' + complaint].filter(Boolean)
    return faulty([outcome + ' before it had completed', ...more].join('; '))
  }
  if (outcome.type === 'error') return faulty('it reported ' + outcome.error?.code + ': ' + outcome.error?.message)
  if (calls.refusal) return faulty('it said that it had completed, after a call that was not answered: ' + calls.refusal)
  if (calls.answered === 0) return faulty('it said that it had completed, and no call of its had been answered')
  const turns = Math.max(outcome.metadata?.turns_used ?? 0, calls.answered)
  return { status: turns >= spec.maxSteps ? 'step-limit' : 'completed', fault: null }
}

function readLines(stream, onLine) {
  let parts = []
  let size = 0
  stream.on('data', (data) => {
    for (let from = 0; from < data.length; ) {
      const end = data.indexOf(10, from)
      const part = data.subarray(from, end === -1 ? data.length : end)
      size += part.length
      if (size <= LONGEST_LINE) parts.push(part)
      else parts = []
      if (end === -1) return
      const line = Buffer.concat(parts).toString('utf8').trim()
      if (size > LONGEST_LINE) leaveUnread('a line of ' + size + ' bytes')
      else if (line !== '') onLine(line)
      parts = []
      size = 0
      from = end + 1
    }
  })
}

async function watchCalls() {
  const server = http.createServer((request, response) => void pass(request, response))
  server.requestTimeout = 0
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return 'http://127.0.0.1:' + server.address().port + '/v1'
}

async function pass(request, response) {
  const isCall = request.method === 'POST'
  calls.made++
  // It was told its limit; one that asks for more is stopped.
  if (isCall && calls.answered >= spec.maxSteps) return limit.resolve({ type: 'limit' })
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  let refusal = 'it did not wait for its answer'
  while (!gone.signal.aborted) {
    const answer = await ask(request, Buffer.concat(chunks), gone.signal).catch((error) => {
      if (!spec.isSelfTest || gone.signal.aborted) return null
      refusal = 'the gateway cannot be reached: ' + error.message
      response.destroy()
    })
    if (answer) {
      const isAnswered = answer.status < 300
      if (isCall && isAnswered) calls.answered++
      refusal = isAnswered ? null : answer.status + ' ' + answer.body.toString('utf8').slice(0, 500)
      response.writeHead(answer.status, answer.headers).end(answer.body)
      break
    }
    await sleep(200, undefined, { signal: gone.signal }).catch(() => {})
  }
  if (isCall) calls.refusal = refusal
}

function ask({ method, url, headers }, body, signal) {
  const { host, connection, 'transfer-encoding': encoding, ...passed } = headers
  return new Promise((resolve, reject) => {
    const asked = http.request({
      ...{ host: '127.0.0.1', port: new URL(base).port, method, path: url },
      headers: { ...passed, 'content-length': body.length },
      agent: false,
      signal,
    })
    asked.once('error', reject)
    asked.once('response', (answer) => {
      const chunks = []
      answer.on('data', (chunk) => chunks.push(chunk))
      answer.once('error', reject)
      answer.once('end', () => {
        const headers = { 'content-type': answer.headers['content-type'] ?? 'application/json' }
        resolve({ status: answer.statusCode, headers, body: Buffer.concat(chunks) })
      })
    })
    asked.end(body)
  })
}
`

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { AGENT_TOOLS } from '../../src/agent/tools.ts'
import { playToolCall } from '../../src/agent/toolCalls.ts'
import { chainId, recordKey } from '../../src/domain/identifiers.ts'
import type { Chain } from '../../src/formats/chain.ts'
import type { Message, Tool, ToolCall } from '../../src/formats/chat.ts'
import { startScriptedModel, type ScriptedModel } from '../../src/scripted/server.ts'
import { scriptedSettings } from '../../src/scripted/settings.ts'
import { createFileStore } from '../../src/store/files.ts'

/** A work tree as shell commands make it from the one before. */
export type Steps = readonly string[]

/** A git repository with a base commit and one commit a stage. */
export interface Example {
  dir: string
  commits: string[]
  patches: string[]
}

/** A folder that goes when the test has. */
export function temporaryDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-scripted-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Runs a bash script and gives its output; throws when it fails. */
export function bash(dir: string, script: string, input?: string | Buffer): Buffer {
  const ran = spawnSync('bash', ['-c', script], { cwd: dir, input, env: gitEnvironment(), maxBuffer: 1 << 28 })
  if (ran.status !== 0) throw new Error(`${script}: ${ran.stderr.toString()}`)
  return ran.stdout
}

function gitEnvironment(): NodeJS.ProcessEnv {
  const who = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b' }
  return { PATH: process.env['PATH'], HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C.UTF-8', ...who }
}

/** Builds a repository: the first script makes the base, each later one a stage. */
export function buildExample(scripts: Steps): Example {
  const dir = temporaryDir()
  bash(dir, 'git init -q -b main .')
  const commits = scripts.map((script) => {
    bash(dir, `set -e\n${script}\ngit add -A && git commit -q --allow-empty -m step`)
    return bash(dir, 'git rev-parse HEAD').toString().trim()
  })
  const patches = commits.slice(1).map((commit, index) => patchOf(dir, commits[index]!, commit))
  return { dir, commits, patches }
}

/** The patch from one commit or tree to another in the form of the git port, one character a byte. */
export function patchOf(dir: string, from: string, to: string): string {
  return bash(dir, `git diff --binary --full-index -M ${from} ${to}`).toString('latin1')
}

/** The tree of a folder that an agent worked in, and its patch against a commit. */
export function captureTree(
  example: Example,
  dir: string,
  base: string,
): { files: string[]; tree: string; patch: string } {
  const script = `export GIT_DIR=${example.dir}/.git GIT_WORK_TREE=. GIT_INDEX_FILE=${dir}.index; rm -f ${dir}.index; git add -A -f . && git write-tree`
  const tree = bash(dir, script).toString().trim()
  rmSync(`${dir}.index`, { force: true })
  return { tree, files: listTree(example, tree), patch: patchOf(example.dir, base, tree) }
}

/** All of a tree: mode, object and path of each file. */
export function listTree(example: Example, tree: string): string[] {
  return bash(example.dir, `git -c core.quotepath=false ls-tree -r ${tree}`).toString().trim().split('\n')
}

/** A scripted model over an example's chain, in a store of its own, and a folder for the agent at a commit. */
export async function openStudio(options: {
  example: Example
  settings?: unknown
  seed?: number
  testFiles?: string[]
}): Promise<{ model: ScriptedModel; chain: string; url: string; checkOut: (commit: string) => string }> {
  const { example, settings = {}, seed = 7, testFiles = [] } = options
  const dir = temporaryDir()
  const store = createFileStore({ dir: join(dir, 'store') })
  const numbers = example.patches.map((_, index) => index + 1)
  const id = chainId('octo/example', numbers)
  const pullRequest = await store.putBlob('{}')
  const stages: Chain['stages'] = []
  for (const [index, patch] of example.patches.entries()) {
    stages.push({
      number: index + 1,
      title: `Step ${index + 1}`,
      url: 'https://example.invalid/1',
      mergedAt: '2026-01-01T00:00:00Z',
      style: 'squash',
      baseSha: example.commits[index]!,
      resultSha: example.commits[index + 1]!,
      headSha: example.commits[index + 1]!,
      files: [],
      testFiles,
      flags: [],
      patch: await store.putBlob(Buffer.from(patch, 'latin1')),
      pullRequest,
    })
  }
  const chain: Chain = {
    format: 'prchain.chain/1',
    id,
    repository: 'octo/example',
    source: 'imported',
    mode: 'given',
    shape: 'given',
    license: null,
    languages: [],
    links: [],
    stages,
  }
  await store.putRecord(recordKey.chain(id), chain)
  const model = await startScriptedModel({ store, seed, settings: scriptedSettings.parse(settings) })
  onTestFinished(() => model.close())
  let checkOuts = 0
  const checkOut = (commit: string) => {
    const work = join(dir, `work-${checkOuts++}`, 'repo')
    mkdirSync(dirname(work), { recursive: true })
    bash(example.dir, `git archive --prefix=repo/ ${commit} | tar -x -C ${dirname(work)}`)
    bash(work, 'git init -q . && git add -A -f && git commit -q --allow-empty -m base')
    return work
  }
  return { model, chain: id, url: model.baseUrl, checkOut }
}

/** The headers of a play. */
export function playHeaders(
  play: Partial<Record<'role' | 'chain' | 'rollout' | 'stage' | 'round', string | number>>,
): Record<string, string> {
  const whole = { role: 'agent', chain: 'none', rollout: 'c/none/1', stage: 0, round: 0, ...play }
  return Object.fromEntries(Object.entries(whole).map(([name, value]) => [`x-prchain-${name}`, String(value)]))
}

/** Asks for a completion by plain HTTP. */
export async function ask(url: string, body: unknown, headers: Record<string, string>): Promise<Response> {
  return fetch(`${url}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

/** Plays one round as the native agent would: real tools, run in a folder, until the submit. Messages grow in place. */
export async function playRoundIn(options: {
  url: string
  dir: string
  chain: string
  messages: Message[]
  opening: string
  stage?: number
  round?: number
  tools?: readonly Tool[]
  rollout?: string
}): Promise<ToolCall[]> {
  const {
    url,
    dir,
    chain,
    messages,
    opening,
    stage = 0,
    round = 0,
    tools = AGENT_TOOLS,
    rollout = `c/${chain}/1`,
  } = options
  const made: ToolCall[] = []
  messages.push({ role: 'user', content: opening })
  for (let step = 0; step < 3_000; step++) {
    const answer = await ask(url, { model: 'm', messages, tools }, playHeaders({ chain, rollout, stage, round }))
    if (!answer.ok) throw new Error(await answer.text())
    const { message } = ((await answer.json()) as { choices: [{ message: Extract<Message, { role: 'assistant' }> }] })
      .choices[0]
    messages.push(message)
    const calls = message.tool_calls ?? []
    if (calls.length === 0) {
      if (!tools.some((tool) => tool.function.name === 'submit')) return made
      messages.push({
        role: 'user',
        content: 'Your last message called no tool. Call one; when the work is done, call `submit`.',
      })
    }
    let isOver = false
    for (const call of calls) {
      made.push(call)
      if (call.function.name === 'bash') {
        const { command } = JSON.parse(call.function.arguments) as { command: string }
        const { exitCode, output } = runCommand(dir, { script: command })
        if (output.startsWith('COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT')) return made
        messages.push({ role: 'tool', tool_call_id: call.id, content: miniObservation(exitCode, output) })
        continue
      }
      const outcome = await playToolCall(call, {
        name: `${stage}-${round}-${step}`,
        timeoutMs: 60_000,
        run: async (_, command) => runCommand(dir, command),
      })
      isOver ||= outcome.kind === 'submitted'
      messages.push({
        role: 'tool',
        tool_call_id: call.id,
        content: outcome.kind === 'submitted' ? 'Submitted.' : outcome.text,
      })
    }
    if (isOver) return made
  }
  throw new Error('the agent did not submit in 3,000 steps')
}

/** The one tool of mini-swe-agent. */
export const MINI_TOOLS: readonly Tool[] = [
  { type: 'function', function: { name: 'bash', description: 'Execute a bash command', parameters: {} } },
]

/** What mini-swe-agent tells the model of a command. */
function miniObservation(returncode: number, output: string): string {
  if (output.length < 10_000) return JSON.stringify({ returncode, output })
  const [head, tail] = [output.slice(0, 5_000), output.slice(-5_000)]
  return JSON.stringify({ returncode, output_head: head, output_tail: tail, elided_chars: output.length - 10_000 })
}

function runCommand(dir: string, command: { script: string; stdin?: string }) {
  const ran = spawnSync('bash', ['-c', `exec 2>&1\n${command.script}`], {
    cwd: dir,
    input: command.stdin ?? '',
    env: { ...gitEnvironment(), HOME: dirname(dir) },
    maxBuffer: 1 << 28,
  })
  const output = ran.stdout.toString('utf8')
  const isText = Buffer.from(output).equals(ran.stdout) && !ran.stdout.includes(0)
  return {
    exitCode: ran.status ?? 137,
    isTimedOut: false,
    output,
    isText,
    sizeBytes: ran.stdout.length,
    leftRunning: [],
  }
}

/** The edits and writes among tool calls, as the paths they touch. */
export function pathsTouched(calls: readonly ToolCall[]): string[] {
  return calls
    .filter((call) => call.function.name === 'edit' || call.function.name === 'write')
    .map((call) => (JSON.parse(call.function.arguments) as { path: string }).path)
}

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exportAtif } from '../../src/dataset/atifExport.ts'
import { atif, type Atif } from '../../src/formats/atif.ts'
import { samples } from '../domain/sampleArbitrary.ts'

/** Harbor's own validator is one module and its models; of what Harbor needs they need pydantic alone. */
const PACKAGES = [
  ...['harbor==0.25.0', 'pydantic==2.14.3', 'pydantic-core==2.50.4', 'annotated-types==0.8.0'],
  ...['typing-extensions==4.16.0', 'typing-inspection==0.4.5'],
]
const VALIDATE = `
import json, sys
from harbor.utils.trajectory_validator import TrajectoryValidator
for line in sys.stdin:
    validator = TrajectoryValidator()
    validator.validate(json.loads(line))
    print(json.dumps(validator.get_errors()))
`

describe('the validator of Harbor, which defines ATIF', () => {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-atif-'))
  const python = join(dir, 'bin', 'python3')
  beforeAll(() => {
    execFileSync('python3', ['-m', 'venv', dir])
    // It asks for Python 3.12, and this much of it runs on earlier ones.
    const flags = ['--quiet', '--no-deps', '--only-binary=:all:', '--ignore-requires-python']
    execFileSync(python, ['-m', 'pip', 'install', ...flags, ...PACKAGES])
  })
  afterAll(() => rmSync(dir, { recursive: true, force: true }))

  /** What it finds wrong with each document. */
  function validate(documents: readonly unknown[]): string[][] {
    const input = documents.map((document) => JSON.stringify(document)).join('\n')
    const out = execFileSync(python, ['-c', VALIDATE], { input, maxBuffer: 64 * 1024 * 1024 })
    return String(out)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as string[])
  }

  test('finds nothing wrong with what is exported, of whatever shape', () => {
    const documents = fc.sample(samples, { numRuns: 200, seed: 1 }).map(exportAtif)
    expect(validate(documents)).toEqual(documents.map(() => []))
  })

  test('takes and refuses what we take and refuse', () => {
    const agent = { name: 'a', version: '1' }
    const step = { step_id: 1, source: 'agent', message: 'x' }
    const call = { tool_call_id: 'a', function_name: 'f', arguments: {} }
    const of = (change: object, more: object = {}) => ({
      ...{ schema_version: 'ATIF-v1.8', agent, steps: [{ ...step, ...change }] },
      ...more,
    })
    const documents: [isValid: boolean, document: object][] = [
      [true, of({})],
      ...atif.shape.schema_version.options.map((version): [boolean, object] => [
        true,
        of({}, { schema_version: version }),
      ]),
      [false, of({}, { schema_version: 'ATIF-v1.9' })],
      [false, of({}, { reward: 1 })],
      [false, of({}, { steps: [] })],
      [false, of({ step_id: 2 })],
      [false, of({ odd: 1 })],
      [false, of({ source: 'tool' })],
      [true, of({ message: [{ type: 'text', text: 'x' }] })],
      [true, of({ timestamp: '2026-01-02T03:04:05.678901+00:00' })],
      [false, of({ timestamp: 'yesterday' })],
      [true, of({ tool_calls: [call], observation: { results: [{ source_call_id: 'a', content: null }] } })],
      [false, of({ tool_calls: [call], observation: { results: [{ source_call_id: 'b' }] } })],
      [false, of({ tool_calls: [{ ...call, arguments: '{}' }] })],
      [false, of({ source: 'user', metrics: {} })],
      [false, of({ source: 'system', tool_calls: [call] })],
      [true, of({ source: 'system', observation: { results: [{ content: 'x' }] } })],
      [false, of({ llm_call_count: 0, reasoning_content: 'x' })],
      [false, of({ llm_call_count: -1 })],
      [true, of({ is_copied_context: true, reasoning_effort: 0.5, extra: { any: 1 } })],
      [true, of({ metrics: { prompt_tokens: 1, logprobs: [-0.5], extra: null } })],
      [false, of({ metrics: { prompt_tokens: 1.5 } })],
      [false, of({}, { agent: { name: 'a' } })],
    ]
    const ours = documents.map(([, document]) => atif.safeParse(document).success)
    const theirs = validate(documents.map(([, document]) => document)).map((errors) => errors.length === 0)
    const right = documents.map(([isValid]) => isValid)
    expect({ ours, theirs }).toEqual({ ours: right, theirs: right })
    expect((documents[0]![1] as Atif).schema_version).toBe('ATIF-v1.8')
  })
})

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { createSecrets, redactStream } from '../../src/domain/redaction.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import { commandRecord, type CommandRecord } from '../../src/formats/record.ts'
import { createExec } from '../../src/record/exec.ts'
import type { Fence } from '../../src/record/fence.ts'
import type { Command } from '../../src/sandbox/port.ts'
import { createProcessProvider } from '../../src/sandbox/process.ts'
import { createFileStore } from '../../src/store/files.ts'

const SECRET = 'sk-a-secret-of-this-process'
const open: Fence = { check: async () => {} }
const dir = mkdtempSync(join(tmpdir(), 'prchain-exec-'))
const provider = createProcessProvider({ dir: join(dir, 'sandboxes'), path: process.env['PATH']! })
const store = createFileStore({ dir: join(dir, 'store') })
const exec = createExec({ store, redact: createSecrets({ openaiApiKey: SECRET }).redact })
const { signal } = new AbortController()

afterAll(() => provider.remove('exec'))

const run = async (key: string, command: Command) => {
  const sandbox =
    (await provider.find('exec')) ?? (await provider.create({ name: 'exec', labels: {}, environment: null }))
  return exec({ key, command, sandbox: async () => sandbox, fence: open, signal })
}

describe('exec', () => {
  test('runs a command once for its key; later the record answers, and no sandbox is asked', async () => {
    const command = { script: 'echo once >> marks; wc -l < marks', timeoutMs: 10_000 }
    const key = 'a/c/1/stages/0/0/commands/000000.0.0'
    expect(await run(key, command)).toMatchObject({ output: '1\n', isStored: false })
    const again = await exec({
      key,
      command,
      sandbox: () => Promise.reject(new Error('asked for a sandbox')),
      fence: open,
      signal,
    })
    expect(again).toMatchObject({ output: '1\n', isStored: true })
    await expect(run(key, { ...command, script: 'echo other' })).rejects.toMatchObject({ name: 'DivergedError' })
  })

  test('keeps the whole of an output that is too long to be shown, with secrets masked in it', async () => {
    const key = 'a/c/1/stages/0/0/commands/000001.0.0'
    const script = `head -c 1500000 /dev/zero | tr '\\0' x; printf %s ${SECRET}; head -c 1500000 /dev/zero | tr '\\0' y`
    const { record } = await run(key, { script, timeoutMs: 30_000 })
    expect(commandRecord.parse(record)).toEqual(record)
    expect(record.outcome.sizeBytes).toBe(3_000_000 + SECRET.length)
    const whole = (await store.getBlob(record.outcome.wholeOutput!)).toString()
    expect(whole.replace(/^x+/, 'x').replace(/y+$/, 'y')).toBe('x[secret:openaiApiKey]y')
    expect(whole).toHaveLength(3_000_000 + '[secret:openaiApiKey]'.length)
    expect(record.masked).toContainEqual({
      ...{ pointer: '/outcome/wholeOutput', part: 'value', kind: 'openaiApiKey' },
      ...{ from: 1_500_000, to: 1_500_000 + '[secret:openaiApiKey]'.length },
    })
  })

  test('a secret among bytes that are no text is masked too, and its place told in bytes', async () => {
    const key = 'a/c/1/stages/0/0/commands/000004.0.0'
    const { record, output } = await run(key, { script: `printf '\\377%s' ${SECRET}`, timeoutMs: 10_000 })
    expect(output).not.toContain(SECRET)
    expect((await store.getBlob(record.outcome.outputBlob!)).toString('latin1')).toBe('\u{ff}[secret:openaiApiKey]')
    expect(record.masked).toEqual([
      { pointer: '/outcome/outputBlob', part: 'value', kind: 'openaiApiKey', from: 1, to: 22 },
    ])
  })

  test('a short output is its own whole, bytes that are no text included', async () => {
    const key = 'a/c/1/stages/0/0/commands/000002.0.0'
    const { record, isText } = await run(key, { script: `printf '\\377\\000\\001'`, timeoutMs: 10_000 })
    expect(isText).toBe(false)
    expect(record.outcome).toMatchObject({ output: null, wholeOutput: null, sizeBytes: 3 })
    expect([...(await store.getBlob(record.outcome.outputBlob!))]).toEqual([255, 0, 1])
    expect(await store.getRecord<CommandRecord>(recordKey.call(key))).toEqual(record)
  })

  test('what a command leaves running is ended with it and named on record', async () => {
    const key = 'a/c/1/stages/0/0/commands/000003.0.0'
    const { record } = await run(key, { script: 'sleep 300 & echo started', timeoutMs: 10_000 })
    expect(record.outcome).toMatchObject({ output: 'started\n', leftRunning: ['sleep'] })
  })
})

describe('redactStream', () => {
  test('masks a secret however the stream is cut, and changes no other byte', async () => {
    const redact = createSecrets({ openaiApiKey: SECRET }).redact
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 9_000 }), fc.constant(Buffer.from(SECRET)))),
        fc.integer({ min: 1, max: 5_000 }),
        async (parts, size) => {
          const all = Buffer.concat(parts)
          const chunks = Array.from({ length: Math.ceil(all.length / size) }, (_, n) =>
            all.subarray(n * size, (n + 1) * size),
          )
          const out: Uint8Array[] = []
          for await (const chunk of redactStream(Readable.from(chunks), redact)) out.push(chunk)
          expect(Buffer.concat(out).toString('latin1')).toBe(redact(all.toString('latin1')))
        },
      ),
      { numRuns: 60 },
    )
  })
})

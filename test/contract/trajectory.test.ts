import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exportTrajectories, importTrajectory } from '../../src/cli/trajectory.ts'
import { composeStore } from '../../src/compose.ts'
import { readConfig } from '../../src/config.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import { atif } from '../../src/formats/atif.ts'
import type { Output } from '../../src/formats/output.ts'
import type { Sample } from '../../src/formats/sample.ts'
import { importedTrajectory, type ImportReferenceRecord } from '../../src/formats/trajectory.ts'
import { samples } from '../domain/sampleArbitrary.ts'

const KEY = 'sk-sentinel-4f1c9a7e2b'
const EXAMPLE = JSON.stringify({
  schema_version: 'ATIF-v1.7',
  agent: { name: 'other', version: '1' },
  steps: [{ step_id: 1, source: 'agent', message: `the key is ${KEY}` }],
})

function open() {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-trajectory-'))
  const config = readConfig({ flags: { store: join(dir, 'store') }, env: { OPENAI_API_KEY: KEY }, dir })
  const emitted: Output[] = []
  const terminal = { isJson: true, say: () => {}, emit: (value: Output) => void emitted.push(value) }
  const store = composeStore(config)
  const put = async (id: string, sample: Sample | { format: string }) => {
    const blob = await store.putBlob(JSON.stringify({ ...sample, id }))
    await store.putRecord(recordKey.sample(id), { format: 'prchain.sample-reference/1', blob })
  }
  const doExport = (target: string, out: string | null = null, format = 'atif') =>
    exportTrajectories({ config, target, format, out, terminal })
  const doImport = (text: string) => {
    const path = join(dir, 'given.json')
    writeFileSync(path, text)
    return importTrajectory({ config, path, terminal })
  }
  return { dir, config, store, emitted, put, doExport, doImport }
}

const [one, two] = fc.sample(samples, { numRuns: 2, seed: 7 }) as [Sample, Sample]

describe('prchain trajectory', () => {
  test('writes the samples of a campaign, and of one rollout, as ATIF', async () => {
    const { dir, config, store, emitted, put, doExport } = open()
    await put('night/acme__tool.1-2/1', one)
    await put('night/acme__tool.1-2/2', two)
    await put('nightly/acme__tool.1-2/1', one)
    await store.putRecord(recordKey.rollout('night/acme__tool.3-4/1'), {})
    expect(await doExport('night', join(dir, 'out'))).toBe(0)
    expect(readdirSync(join(dir, 'out')).sort()).toEqual(['night.acme__tool.1-2.1.json', 'night.acme__tool.1-2.2.json'])
    expect(emitted).toMatchObject([{ target: 'night', without: ['night/acme__tool.3-4/1'] }])
    expect(await doExport('night/acme__tool.1-2/2', join(dir, 'two.json'))).toBe(0)
    const text = readFileSync(join(dir, 'two.json'), 'utf8')
    expect(atif.parse(JSON.parse(text))).toMatchObject({ session_id: 'night/acme__tool.1-2/2' })
    expect(readFileSync(join(dir, 'out/night.acme__tool.1-2.2.json'), 'utf8')).toBe(text)
    await doExport('night')
    expect(readdirSync(join(config.store, 'trajectories'))).toHaveLength(2)
  })

  test('takes in what it wrote, once, apart from samples, and writes it out again', async () => {
    const { dir, store, emitted, put, doExport, doImport } = open()
    await put('night/acme__tool.1-2/1', one)
    await doExport('night/acme__tool.1-2/1', join(dir, 'out.json'))
    const text = readFileSync(join(dir, 'out.json'), 'utf8')
    await doImport(text)
    await doImport(text)
    const [, first, second] = emitted as { trajectory: string; isNew: boolean }[]
    expect([first!.isNew, second!.isNew, second!.trajectory]).toEqual([true, false, first!.trajectory])
    expect(await store.listRecords('rollouts')).toEqual([`rollouts/night/acme__tool.1-2/1/sample`])
    const keys = await store.listRecords('imports')
    expect(keys).toEqual([first!.trajectory])
    const { blob, file } = (await store.getRecord<ImportReferenceRecord>(keys[0]!))!
    expect(file).toBe('given.json')
    const imported = importedTrajectory.parse(JSON.parse(String(await store.getBlob(blob))))
    expect(imported.messages).toEqual(one.messages)
    expect(String(await store.getBlob(imported.source.document))).toBe(text)
    await doExport(first!.trajectory, join(dir, 'again.json'))
    expect(readFileSync(join(dir, 'again.json'), 'utf8')).toBe(
      text.replace('"format": "prchain.sample/2"', '"format": "prchain.imported-trajectory/1"'),
    )
  })

  test('lets no secret of the settings in', async () => {
    const { config, doImport, emitted } = open()
    await doImport(EXAMPLE)
    expect(emitted).toMatchObject([{ steps: 1, messages: 1, agent: 'other' }])
    const files = readdirSync(config.store, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    const texts = files.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    expect(texts.some((text) => text.includes('[secret:openaiApiKey]'))).toBe(true)
    expect(texts.filter((text) => text.includes(KEY))).toEqual([])
  })

  test('refuses what is not there and what is wrong, and stores nothing', async () => {
    const { store, put, doExport, doImport } = open()
    await put('old/acme__tool.1-2/1', { format: 'prchain.sample/1' })
    await store.putRecord(recordKey.rollout('night/acme__tool.3-4/1'), {})
    const before = await store.listRecords('rollouts')
    const refusals: [() => Promise<number>, RegExp][] = [
      [() => doExport('dawn'), /campaign "dawn" has no samples/],
      [() => doExport('night/acme__tool.3-4/1'), /none of its stages was accepted/],
      [() => doExport('night/acme__tool.5-6/1'), /has not ended, or is not in this store/],
      [() => doExport('imports/0123456789abcdef'), /there is no trajectory/],
      [() => doExport('mine/acme/tool'), /has no trajectories/],
      [() => doExport('old/acme__tool.1-2/1'), /of format prchain\.sample\/1/],
      [() => doExport('old', null, 'sft'), /--format sft: expected atif/],
      [() => doImport('{}'), /given\.json: it is no ATIF trajectory[\s\S]*nothing was stored/],
    ]
    for (const [refused, message] of refusals) {
      await expect(refused()).rejects.toMatchObject({
        name: 'InputError',
        message: expect.stringMatching(message) as string,
      })
    }
    expect(await store.listRecords('imports')).toEqual([])
    expect(await store.listRecords('rollouts')).toEqual(before)
  })
})

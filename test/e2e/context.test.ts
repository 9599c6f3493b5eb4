import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { digestOfRequest } from '../../src/domain/conversation.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import { callRecord, type CallRecord } from '../../src/formats/record.ts'
import { readCallRequest } from '../../src/record/callRequest.ts'
import { readOnce } from '../record/readOnce.ts'
import { temporalForTests } from '../temporal/server.ts'
import { exampleChain } from './exampleChain.ts'
import { checkSample, withoutTimes } from './sampleCheck.ts'
import { openLab, until, type Lab } from './lab.ts'

const server = await temporalForTests()
const WINDOW = 40_000
const STEPS = 32
const OUTPUT_BYTES = 9_000

describe.skipIf(server === null)('a stage that is longer than the model’s window', () => {
  const labs: Lab[] = []
  afterEach(async () => {
    for (const lab of labs.splice(0)) await lab.stop()
  })

  async function openLong(name: string, latencyMs = 0): Promise<{ lab: Lab; chain: string; markerFile: string }> {
    const markerFile = join(tmpdir(), `prchain-context-${process.pid}-${Date.now()}-${name}`)
    const scripted = { markerFile, latencyMs, contextTokens: WINDOW }
    const lab = await openLab({ temporal: server!.binary, scripted, settings: { contextTokens: WINDOW } })
    labs.push(lab)
    const chain = await exampleChain(lab, 2)
    const long = { extraSteps: STEPS, extraOutputBytes: OUTPUT_BYTES }
    await lab.script({ ...scripted, chains: { [chain]: { stages: { 0: long } } } })
    return { lab, chain, markerFile }
  }

  const markersOf = (file: string) => readFileSync(file, 'utf8').trim().split('\n')

  async function callsOf(lab: Lab, id: string): Promise<CallRecord[]> {
    const keys = (await lab.store.listRecords(recordKey.stages(id))).filter((key) => key.includes('/calls/'))
    return Promise.all(keys.map(async (key) => callRecord.parse(await lab.store.getRecord(key))))
  }

  /** A campaign's samples file, but for times and where its markers lie. */
  function samplesOf({ lab, markerFile }: { lab: Lab; markerFile: string }, name: string): string {
    const text = readFileSync(join(lab.config.store, 'samples', `${name}.jsonl`), 'utf8')
    return withoutTimes(text).replaceAll(markerFile, 'MARKERS')
  }

  test('goes on to the end, in requests within the window, and its sample says where the context was rewritten; killed as it is, it is the same', async () => {
    const calm = await openLong('calm')
    const id = `long/${calm.chain}/1`
    await calm.lab.run('long', [calm.chain])
    expect(await calm.lab.rollout(id)).toMatchObject({ ending: 'accepted' })
    expect(markersOf(calm.markerFile)).toHaveLength(STEPS)

    const calls = await callsOf(calm.lab, id)
    expect(Math.max(...calls.map(({ reply }) => reply.usage.promptTokens))).toBeLessThanOrEqual(WINDOW)
    const shortened = calls.filter(({ request }) => request.elision)
    expect(shortened.length).toBeGreaterThan(3)
    const store = readOnce(calm.lab.store)
    for (const call of calls) expect(digestOfRequest(await readCallRequest(store, call)), call.key).toBe(call.digest)

    const [sample] = calm.lab.samples('long')
    expect(sample!.segments).toHaveLength(shortened.length + 1)
    const assistants = sample!.messages.filter((message) => message.role === 'assistant')
    expect(assistants.filter(({ train }) => train)).toHaveLength(calls.length)
    expect(sample!.stages.reduce((sum, { steps }) => sum + steps, 0)).toBe(calls.length)
    for (const [stage, { messages }] of sample!.stages.entries())
      expect(sample!.messages[messages[0]]).toMatchObject({ role: stage === 0 ? 'system' : 'user', stage })
    await checkSample(calm.lab.store, sample!)
    for (const from of sample!.segments) expect(sample!.messages[from]).toMatchObject({ role: 'system' })

    const hit = await openLong('kill', 30)
    await hit.lab.start('long', [hit.chain])
    for (let kills = 1; kills <= 2; kills++) {
      await until('a shortened request', async () => {
        const made = (await callsOf(hit.lab, id)).filter(({ request }) => request.elision)
        return made.length >= kills
      })
      const pid = hit.lab.embedded.processes().worker!
      process.kill(pid, 'SIGKILL')
      await until('another worker', () => ![null, pid].includes(hit.lab.embedded.processes().worker))
    }
    await hit.lab.complete('long')
    expect(markersOf(hit.markerFile)).toHaveLength(STEPS)
    expect(samplesOf(hit, 'long') === samplesOf(calm, 'long'), 'the samples are the same bytes').toBe(true)
  }, 300_000)
})

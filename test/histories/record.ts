import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { workflowId } from '../../src/domain/identifiers.ts'
import { exampleChain } from '../e2e/exampleChain.ts'
import { openLab, until } from '../e2e/lab.ts'
import { temporalForTests } from '../temporal/server.ts'

/**
 * Records the histories that are replayed on every change: `node test/histories/record.ts`. To be run, and its result
 * committed, when the workflow changed in a way that old histories are no longer promised to replay.
 */
const server = await temporalForTests()
if (!server) throw new Error('histories are recorded on a real Temporal server; there is none')
const lab = await openLab({ temporal: server.binary, settings: { sliceSteps: 10, maxSteps: 500 } })
try {
  const chain = await exampleChain(lab, 2)
  await lab.script({})
  await lab.run('plain', [chain])
  await save('plain')
  await lab.script({ flaws: ['missing-hunk'] })
  await lab.run('refined', [chain])
  await save('refined')
  await lab.script({ extraSteps: 60 })
  await lab.run('many-slices', [chain])
  await save('many-slices')
  await lab.script({ extraSteps: 20, latencyMs: 100 })
  await lab.start('killed', [chain])
  await until(
    'some steps',
    async () => (await lab.store.listRecords(`rollouts/killed/${chain}/1/stages/0/0/calls`)).length >= 8,
  )
  process.kill(lab.embedded.processes().worker!, 'SIGKILL')
  await lab.complete('killed')
  await save('killed')

  async function save(name: string): Promise<void> {
    const history = await lab.client.workflow.getHandle(workflowId.chain(`${name}/${chain}/1`)).fetchHistory()
    const json = historyToJSON(history)
    // Where it was recorded is nobody's business.
    const clean = json.replaceAll(lab.dir, '/tmp/lab').replace(/"identity":\s*"[^"]*"/g, '"identity": "worker"')
    writeFileSync(join(import.meta.dirname, `${name}.json`), `${clean}\n`)
  }
} finally {
  await lab.stop()
}
process.exit(0)

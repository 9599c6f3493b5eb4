import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { composeChains } from '../../src/compose.ts'
import { workflowId } from '../../src/domain/identifiers.ts'
import { exampleChain } from '../e2e/exampleChain.ts'
import { COLLISION_ENVIRONMENT, buildCollision } from '../e2e/collision.ts'
import { openLab, until, type Lab } from '../e2e/lab.ts'
import { temporalForTests } from '../temporal/server.ts'

/**
 * Records the histories that are replayed on every change: `node test/histories/record.ts [example] [collision]`. To be
 * run, and its result committed, when the workflow has a new road, or changed in a way that old histories are no longer
 * promised to replay.
 */
const server = await temporalForTests()
if (!server) throw new Error('histories are recorded on a real Temporal server; there is none')
const { binary } = server
const wanted = process.argv.slice(2)
if (wanted.length === 0 || wanted.includes('example')) await recordExample()
if (wanted.length === 0 || wanted.includes('collision')) await recordCollision()
process.exit(0)

async function recordExample(): Promise<void> {
  const lab = await openLab({ temporal: binary, settings: { sliceSteps: 10, maxSteps: 500 } })
  const chain = await exampleChain(lab, 2)
  await lab.script({})
  await lab.run('plain', [chain])
  await save(lab, chain, 'plain')
  await lab.script({ flaws: ['missing-hunk'] })
  await lab.run('refined', [chain])
  await save(lab, chain, 'refined')
  await lab.script({ extraSteps: 60 })
  await lab.run('many-slices', [chain])
  await save(lab, chain, 'many-slices')
  await lab.script({ extraSteps: 20, latencyMs: 100 })
  await lab.start('killed', [chain])
  await until(
    'some steps',
    async () => (await lab.store.listRecords(`rollouts/killed/${chain}/1/stages/0/0/calls`)).length >= 8,
  )
  process.kill(lab.embedded.processes().worker!, 'SIGKILL')
  await lab.complete('killed')
  await save(lab, chain, 'killed')
  await lab.stop()
}

/** A chain whose agent collides with upstream, and reconciles at its second try. */
async function recordCollision(): Promise<void> {
  const { mirrorsDir, recordedDir, ...collision } = await buildCollision()
  const lab = await openLab({
    temporal: binary,
    mirrors: mirrorsDir,
    recorded: recordedDir,
    environment: COLLISION_ENVIRONMENT,
    settings: { accept: 'tests', refinements: 2 },
  })
  const { resolveChain, storeChain } = composeChains(lab.config)
  const chain = await resolveChain({ repo: collision.repository, prs: [1, 3] })
  await storeChain(chain)
  const { id } = chain
  await lab.script({ chains: { [id]: { stages: { 0: { flaws: ['equivalent'] } } } }, rebase: 'idle' })
  await lab.run('rebased', [id])
  await save(lab, id, 'rebased')
  await lab.stop()
}

async function save(lab: Lab, chain: string, name: string): Promise<void> {
  const history = await lab.client.workflow.getHandle(workflowId.chain(`${name}/${chain}/1`)).fetchHistory()
  const json = historyToJSON(history)
  // Where it was recorded is nobody's business.
  const clean = json
    .replaceAll(lab.dir, '/tmp/lab')
    .replace(/"identity":\s*"[^"]*"/g, '"identity": "worker"')
    .replace(/"name":\s*"\d*[^"/]*\/\d+-[0-9a-f]{32}"/g, '"name": "sticky"')
  writeFileSync(join(import.meta.dirname, `${name}.json`), `${clean}\n`)
}

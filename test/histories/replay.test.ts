import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker'
import { expect, test } from 'vitest'
import { bundleWorkflows } from '../workflows/chainFixture.ts'

Runtime.install({ logger: new DefaultLogger('ERROR') })
const names = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.json'))
const read = (name: string): unknown => JSON.parse(readFileSync(`${import.meta.dirname}/${name}`, 'utf8'))
const workflowBundle = await bundleWorkflows()

test('there is a history of a plain chain, a killed one, a refined one, one of many slices, and one with a rebase round', () => {
  expect(names.toSorted()).toEqual(['killed.json', 'many-slices.json', 'plain.json', 'rebased.json', 'refined.json'])
})

test.each(names)('%s replays on the workflow code of today', async (name) => {
  await Worker.runReplayHistory({ workflowBundle }, read(name))
})

test('a planted change to the workflow makes the replay fail', async () => {
  const workflowsPath = fileURLToPath(new URL('./plantedWorkflows.ts', import.meta.url))
  const planted = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') })
  await expect(Worker.runReplayHistory({ workflowBundle: planted }, read('plain.json'))).rejects.toThrow(
    /nondeterminism|TMPRL1100/i,
  )
})

import { workflowId, TASK_QUEUE } from '../../src/domain/identifiers.ts'
import type { Mined } from '../../src/workflows/mineRepository.ts'
import { exampleForTests, type Lab } from './lab.ts'

/** Mines the example repository in a lab and returns the id of its chain of so many stages. */
export async function exampleChain(lab: Lab, length: number): Promise<string> {
  const { repository } = await exampleForTests()
  const mined: Mined = await lab.client.workflow.execute('mineRepository', {
    workflowId: workflowId.mine(repository),
    taskQueue: TASK_QUEUE,
    args: [{ repository, mirrors: lab.config.mirrors, mode: 'semantic', source: 'github', min: 2, max: 5 }],
  })
  const found = mined.chains.find((id) => id.split('.').at(-1)!.split('-').length === length)
  if (found === undefined) throw new Error(`the example has no chain of ${length}: ${mined.chains.join(', ')}`)
  return found
}

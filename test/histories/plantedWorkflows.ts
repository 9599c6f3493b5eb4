import { sleep } from '@temporalio/workflow'
import { prChain as original } from '../../src/workflows/prChain.ts'
import type { PrChainInput } from '../../src/workflows/messages.ts'

/** The workflow with a change that no recorded history knows: a timer before the first activity. */
export async function prChain(input: PrChainInput): ReturnType<typeof original> {
  await sleep(1_000)
  return original(input)
}

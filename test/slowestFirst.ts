import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const ROOT = join(import.meta.dirname, '..')

/** The files that take longest, the longest first: one that began last would keep all others waiting. */
const SLOWEST = [
  'test/e2e/crash.test.ts',
  'test/e2e/faults.test.ts',
  'test/e2e/ceilings.test.ts',
  'test/e2e/kills/sii-cli.test.ts',
  'test/e2e/kills/mini-swe-agent.test.ts',
  'test/e2e/kills/qwen-code.test.ts',
  'test/e2e/host-move.test.ts',
  'test/e2e/docker-kills.test.ts',
  'test/e2e/refinement.test.ts',
  'test/e2e/cancel.test.ts',
  'test/e2e/long.test.ts',
  'test/e2e/docker.test.ts',
  'test/e2e/carry-over.test.ts',
  'test/e2e/mini.test.ts',
  'test/e2e/kills/native.test.ts',
  'test/e2e/rebuild.test.ts',
  'test/agent/context.test.ts',
  'test/contract/carryOver.property.test.ts',
  'test/contract/temporalDevServer.test.ts',
  'test/workflows/prChain.test.ts',
  'test/e2e/up.test.ts',
  'test/e2e/demo.test.ts',
  'test/e2e/secrets.test.ts',
  'test/e2e/scaffold-sandboxes.test.ts',
  'test/e2e/siiCli.test.ts',
  'test/e2e/qwen.test.ts',
  'test/e2e/bad-input.test.ts',
  'test/contract/scripted-agent.test.ts',
  'test/contract/sandboxDocker.test.ts',
]

/** Begins with the slowest files. What is not known as slow follows in vitest's own order. */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const gone = SLOWEST.filter((path) => !existsSync(join(ROOT, path)))
    if (gone.length > 0) throw new Error(`test/slowestFirst.ts names what is not there: ${gone.join(', ')}`)
    const placeOf = ({ moduleId }: TestSpecification) => {
      const place = SLOWEST.indexOf(relative(ROOT, moduleId))
      return place === -1 ? SLOWEST.length : place
    }
    return (await super.sort(files)).toSorted((one, other) => placeOf(one) - placeOf(other))
  }
}

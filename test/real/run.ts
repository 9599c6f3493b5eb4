import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

/**
 * `npm run test:real -- --mirrors DIR --data DIR`: whole chains of real repositories, in Docker sandboxes, by each scaffold;
 * then what the parser finds of the labelled references. `--only references` does the latter alone.
 */
const { values } = parseArgs({
  options: {
    mirrors: { type: 'string' },
    data: { type: 'string' },
    only: { type: 'string' },
    scaffolds: { type: 'string', default: 'native,mini-swe-agent,qwen-code' },
  },
})
if (!values.mirrors || !values.data || !existsSync(values.mirrors) || !existsSync(join(values.data, 'chains.json'))) {
  console.error(
    'usage: npm run test:real -- --mirrors DIR --data DIR\n  DIR with owner__name.git, and DIR with chains.json and github/',
  )
  process.exit(2)
}
const root = join(import.meta.dirname, '..', '..')
const isReferences = values.only === 'references'
const statuses = [...(isReferences ? [] : [runChains()]), ...(isReferences || !values.only ? [runReferences()] : [])]
process.exit(Math.max(...statuses))

function runChains(): number {
  const { status } = spawnSync(
    process.execPath,
    [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...(values.only ? ['-t', values.only] : [])],
    {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        PRCHAIN_TEST_SUITE: 'real',
        PRCHAIN_TEST_MIRRORS: resolve(values.mirrors!),
        PRCHAIN_TEST_DATA: resolve(values.data!),
        PRCHAIN_TEST_SCAFFOLDS: values.scaffolds,
      },
    },
  )
  return status ?? 1
}

function runReferences(): number {
  const script = join(import.meta.dirname, 'references', 'run.ts')
  const options = ['--mirrors', values.mirrors!, '--data', values.data!]
  return spawnSync(process.execPath, [script, ...options], { stdio: 'inherit' }).status ?? 1
}

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { findLack } from '../../src/activities/scaffoldPrograms.ts'
import { createProcessProvider } from '../../src/sandbox/process.ts'
import { miniSweAgent } from '../../src/scaffolds/miniSweAgent.ts'

/** Looks for the Python of a sandbox whose `python3` is this script; `$TRIED` is a file that only it writes. */
async function look(python3: string) {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-python-'))
  const bin = join(dir, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'python3'), `#!/bin/sh\nTRIED=${join(dir, 'tried')}\necho . >> $TRIED\n${python3}\n`)
  chmodSync(join(bin, 'python3'), 0o755)
  const provider = createProcessProvider({ dir: join(dir, 'sandboxes'), path: `${bin}:${process.env['PATH']}` })
  const sandbox = await provider.create({ name: 'it', labels: {}, environment: null })
  onTestFinished(async () => {
    await provider.remove('it')
    rmSync(dir, { recursive: true, force: true })
  })
  const { signal } = new AbortController()
  const lack = findLack({ scaffold: miniSweAgent, provider, sandbox, signal })
  return { lack, isThere: async () => (await provider.find('it')) !== null }
}

describe('the Python that an environment has for a scaffold', () => {
  test('is there, is too old, or is not there', async () => {
    expect(await (await look('echo 3.11')).lack).toBeNull()
    expect(await (await look('echo 3.9')).lack).toContain('3.10 or newer, and the environment has 3.9; take')
    expect(await (await look('echo no >&2; exit 127')).lack).toContain('and the environment has none (no); take')
  })

  test('is asked for again when what asks is killed', async () => {
    const { lack } = await look('[ $(wc -l < $TRIED) = 3 ] || kill -9 $$\necho 3.11')
    expect(await lack).toBeNull()
  })

  test('is not said to be missing when what asks is killed each time: the next try is in another sandbox', async () => {
    const { lack, isThere } = await look('kill -9 $$')
    await expect(lack).rejects.toThrow('could not find out which python3 the environment has: it was ended 3 times')
    expect(await isThere()).toBe(false)
  })
})

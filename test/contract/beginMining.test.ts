import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { beginMining } from '../../src/activities/beginMining.ts'
import { createGitHub } from '../../src/github/octokit.ts'
import { createFileStore } from '../../src/store/files.ts'

const dir = mkdtempSync(join(tmpdir(), 'prchain-begin-'))
afterAll(() => rmSync(dir, { recursive: true }))

const store = createFileStore({ dir })
const github = createGitHub({ apiUrl: 'http://127.0.0.1:9', token: null })
const begin = (run: string) =>
  beginMining(
    { store, github },
    {
      ...{ repository: 'acme/tool', mirrors: null, mode: 'semantic', source: 'github', isOffline: false, run },
      ...{ min: 2, max: 5 },
    },
  )

test('two minings of a repository at once have a number each, and one that is begun again has its own', async () => {
  const [first, second] = await Promise.all([begin('run-a'), begin('run-b')])
  expect(new Set([first.mining, second.mining])).toEqual(new Set([0, 1]))
  expect(await begin('run-a')).toEqual(first)
  expect(await begin('run-b')).toEqual(second)
  expect((await begin('run-c')).mining).toBe(2)
})

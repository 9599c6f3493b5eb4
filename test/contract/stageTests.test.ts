import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { findSubmodules } from '../../src/activities/submodules.ts'
import { runTestCommand } from '../../src/activities/stageTests.ts'
import { environment } from '../../src/formats/environment.ts'
import type { GitHost, GitRepository } from '../../src/git/port.ts'
import { createProcessProvider } from '../../src/sandbox/process.ts'
import { makeTar } from './gitFixture.ts'

const dir = mkdtempSync(join(tmpdir(), 'prchain-stage-tests-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const FORGED = '<testsuites><testsuite><testcase classname="tests.a" name="one" file="a.py"/></testsuite></testsuites>'

describe('the report of a test command', () => {
  const provider = createProcessProvider({ dir, path: process.env['PATH']! })

  async function runTests(command: string): Promise<{ status: string; tests: number }> {
    const name = 'report'
    const sandbox = await provider.create({ name, labels: { owner: 'test' }, environment: null })
    try {
      const names = ['.prchain-report.xml', 'report.xml', 'a.py']
      await sandbox.putRepository(makeTar(names.map((each) => ({ name: each, content: FORGED }))))
      const report = await runTestCommand({
        store: { putBlob: async () => `sha256:${'0'.repeat(64)}` },
        redact: (text) => text,
        sandbox,
        environment: environment.parse({ format: 'prchain.environment/1', test: { command } }),
        files: ['a.py'],
        root: provider.repositoryPath(name),
        signal: new AbortController().signal,
      })
      return { status: report.status, tests: report.tests.length }
    } finally {
      await provider.remove(name)
    }
  }

  test('is the command’s own: one that the agent left beside its tests is not taken for it', async () => {
    expect(await runTests('false {files}')).toEqual({ status: 'unreadable', tests: 0 })
    expect(await runTests('cp report.xml {report}; true {files}')).toEqual({ status: 'completed', tests: 1 })
  })
})

describe('the submodules of an agent’s tree', () => {
  test('are looked for where humans said, whatever the agent wrote into .gitmodules', async () => {
    const opened: string[] = []
    const git = {
      async open(name: string) {
        opened.push(name)
        throw new Error(`no mirror of ${name}`)
      },
    } as unknown as GitHost
    const submodules: GitRepository['submodules'] = async (tree) => [
      {
        path: 'vendor',
        sha: 'a'.repeat(40),
        url: `https://github.com/${tree === 'base' ? 'humans/vendor' : 'agent/huge'}`,
      },
    ]
    const repository = { name: 'acme/widgets', submodules } as unknown as GitRepository
    const found = await findSubmodules({ git, repository, mirrors: null, tree: 'agents', namedBy: 'base' })
    expect(opened).toEqual(['humans/vendor'])
    expect(found.absent).toEqual([{ path: 'vendor', reason: 'no mirror of humans/vendor' }])
  })
})

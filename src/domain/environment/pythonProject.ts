import { iniLines, readIniSection } from './ini.ts'
import { at, tableAt, textsAt, type RepositoryFiles } from './repositoryFiles.ts'
import { plainWords, splitCommands } from './shellWords.ts'

/** What a Python repository says of itself. */
export interface PythonProject {
  /** Whether there is something that pip can install. */
  isInstallable: boolean
  /** How it is built: `pure` has nothing to compile. */
  build: 'pure' | 'setuptools-extension' | 'meson' | 'other-compiled'
  /** `build-system.requires`. */
  buildRequires: string[]
  requiresPython: string | null
  /** Extras and dependency groups that the tests need. */
  extras: string[]
  groups: string[]
  /** Requirement files that the tests need. */
  requirements: string[]
  /** Single requirements. */
  packages: string[]
  /** pytest's own options of the repository. */
  pytestOptions: string[]
  hasLock: boolean
  notes: string[]
}

const TEST_NAME = /^(?:tests?|testing|unit[_-]?tests?|tests?[_-]\w+|\w+[_-]tests?)$/i
const DEV_NAME = /^(?:dev|devel|develop|development|all)$/i
const NOT_TESTS = /(?:doc|lint|type|mypy|bench|release|publish|emscripten|wasm|pypy|32|windows|macos)/i
const REQUIREMENT_FILE =
  /^(?:(?:[\w.-]+\/)?requirements[\w.-]*\.txt|requirements\/[\w.-]+\.txt|[\w.-]*-?requirements\.txt)$/i

/** The files that {@link readPythonProject} reads. */
export function pythonFiles(paths: readonly string[]): string[] {
  const named = new Set([
    ...['pyproject.toml', 'setup.cfg', 'setup.py', 'tox.ini', 'noxfile.py', 'pytest.ini', '.python-version'],
    ...['Pipfile', 'uv.lock', 'meson.build', 'MANIFEST.in'],
  ])
  return paths.filter((path) => named.has(path) || REQUIREMENT_FILE.test(path))
}

/** Reads it, with the commands that its CI runs. */
export function readPythonProject(files: RepositoryFiles, commands: readonly string[][]): PythonProject {
  const pyproject = files.data('pyproject.toml')
  const setup = files.text('setup.py') ?? ''
  const setupCfg = files.text('setup.cfg')
  const extras = new Set<string>()
  const groups = new Set<string>()
  const requirements = new Set<string>()
  const packages = new Set<string>()
  const notes: string[] = []

  const knownExtras = [
    ...Object.keys(tableAt(pyproject, 'project', 'optional-dependencies')),
    ...Object.keys(tableAt(pyproject, 'tool', 'poetry', 'extras')),
    ...Object.keys(readIniSection(setupCfg, 'options.extras_require')),
    ...[...(/extras_require\s*=\s*\{([\s\S]*?)\}/.exec(setup)?.[1] ?? '').matchAll(/["']([\w.-]+)["']\s*:/g)].map(
      (match) => match[1]!,
    ),
  ]
  const knownGroups = Object.keys(tableAt(pyproject, 'dependency-groups'))
  const knownRequirements = files.paths.filter((path) => REQUIREMENT_FILE.test(path))

  for (const name of pickForTests(knownExtras)) extras.add(name)
  for (const name of pickForTests(knownGroups)) groups.add(name)
  const fileWord = (path: string) =>
    path
      .replace(/\.txt$/, '')
      .replaceAll(/requirements|[/._-]+/g, ' ')
      .trim()
  for (const path of pickForTests(knownRequirements, fileWord)) requirements.add(path)
  if (files.has('requirements.txt')) requirements.add('requirements.txt')
  for (const name of poetryPackages()) packages.add(name)
  readTox()
  readInstalls()

  const requiresPython =
    textsAt(pyproject, 'project', 'requires-python')[0] ??
    readIniSection(setupCfg, 'options')['python_requires'] ??
    /python_requires\s*=\s*["']([^"']+)["']/.exec(setup)?.[1] ??
    null
  const isInstallable =
    at(pyproject, 'project') !== undefined ||
    at(pyproject, 'tool', 'poetry', 'name') !== undefined ||
    /\bsetup\s*\(/.test(setup) ||
    readIniSection(setupCfg, 'metadata')['name'] !== undefined
  return {
    isInstallable,
    build: howBuilt(),
    buildRequires: textsAt(pyproject, 'build-system', 'requires'),
    requiresPython,
    extras: [...extras],
    groups: [...groups],
    requirements: [...requirements].filter((path) => files.has(path)),
    packages: [...packages],
    pytestOptions: pytestOptions(),
    hasLock: files.has('uv.lock'),
    notes,
  }

  function howBuilt(): PythonProject['build'] {
    const backend = textsAt(pyproject, 'build-system', 'build-backend')[0] ?? ''
    if (backend.startsWith('mesonpy')) return 'meson'
    if (/^(?:scikit_build_core|maturin|sipbuild|py_build_cmake|enscons)/.test(backend)) return 'other-compiled'
    const isSetuptools = backend === '' || backend.startsWith('setuptools') || !backend.includes('.')
    const hasExtension =
      /\bext_modules\b|\bExtension\s*\(|\bcythonize\b|\brust_extensions\b/.test(setup) ||
      at(pyproject, 'tool', 'setuptools', 'ext-modules') !== undefined
    return isSetuptools && hasExtension ? 'setuptools-extension' : 'pure'
  }

  function poetryPackages(): string[] {
    const legacy = Object.keys(tableAt(pyproject, 'tool', 'poetry', 'dev-dependencies'))
    const byGroup = tableAt(pyproject, 'tool', 'poetry', 'group')
    const chosen = pickForTests(Object.keys(byGroup))
    const pipenv = Object.keys(tableAt(files.has('Pipfile') ? files.data('Pipfile') : {}, 'dev-packages'))
    const all = [...legacy, ...chosen.flatMap((name) => Object.keys(tableAt(byGroup, name, 'dependencies'))), ...pipenv]
    const names = all.filter((name) => name !== 'python')
    if (names.length > 0)
      notes.push('Poetry’s and Pipenv’s development packages are taken by name, their versions by date.')
    return names
  }

  function readTox(): void {
    const section = readIniSection(files.text('tox.ini'), 'testenv')
    for (const line of iniLines(section['deps'])) {
      // A factor such as `py310: x` names a requirement for one of many environments.
      const wanted = line.replace(/^[\w{},.!-]+:\s+/, '')
      const file = /^-r\s*(?:\{toxinidir\}\/)?(\S+)$/.exec(wanted)?.[1]
      if (file !== undefined) requirements.add(file)
      else if (isRequirement(wanted)) packages.add(wanted)
    }
    for (const name of iniLines(section['extras']).flatMap((line) => line.split(','))) {
      if (knownExtras.includes(name.trim())) extras.add(name.trim())
    }
    for (const name of iniLines(section['dependency_groups'])) if (knownGroups.includes(name)) groups.add(name)
  }

  /** What CI installs by pip or uv, and what nox sessions for tests do. */
  function readInstalls(): void {
    const nox = files.text('noxfile.py') ?? ''
    for (const part of nox.split(/^(?=@nox\.session)/m)) {
      if (!/\bdef\s+(?:unit_?)?tests?\w*\s*\(/.test(part)) continue
      for (const [, list = ''] of part.matchAll(/session\.install\(([^)]*)\)/g))
        takeInstall([...list.matchAll(/["']([^"']+)["']/g)].map((match) => match[1]!))
    }
    for (const words of commands) {
      const install = words.indexOf('install')
      if (install > 0 && words.slice(0, install).some((word) => /^(?:pip3?|.*\/pip3?)$/.test(word)))
        takeInstall(words.slice(install + 1))
      if (words[0] === 'uv' && (words[1] === 'sync' || words[1] === 'run')) {
        for (const [index, word] of words.entries()) {
          const value = words[index + 1] ?? ''
          if (word === '--group' && knownGroups.includes(value)) groups.add(value)
          if (word === '--extra' && knownExtras.includes(value)) extras.add(value)
        }
      }
    }
  }

  function takeInstall(words: string[]): void {
    for (let index = 0; index < words.length; index++) {
      const word = words[index]!
      const value = words[index + 1] ?? ''
      if (word === '-r' || word === '--requirement') {
        index++
        if (!NOT_TESTS.test(value)) requirements.add(value.replace(/^\.\//, ''))
      } else if (word === '--group') {
        index++
        if (knownGroups.includes(value) && !NOT_TESTS.test(value)) groups.add(value)
      } else if (/^(?:-e)?\.\[/.test(word)) {
        for (const name of word.replace(/^.*\[|\].*$/g, '').split(',')) {
          if (knownExtras.includes(name.trim()) && !NOT_TESTS.test(name)) extras.add(name.trim())
        }
      } else if (word.startsWith('-')) {
        if (/^(?:-c|--constraint|-i|--index-url|--extra-index-url|-f|--find-links|-t|--target)$/.test(word)) index++
      } else if (knownGroups.includes(word)) {
        // nox reads groups by `dependency_groups(PYPROJECT, "test")`.
        if (!NOT_TESTS.test(word)) groups.add(word)
      } else if (plainWords([word]).length > 0 && isRequirement(word) && !IGNORED_TOOLS.test(word)) packages.add(word)
    }
  }

  /** As words: a list has one each, a text is split as a shell would. */
  function pytestOptions(): string[] {
    const own = at(pyproject, 'tool', 'pytest', 'ini_options', 'addopts')
    if (Array.isArray(own)) return textsAt(pyproject, 'tool', 'pytest', 'ini_options', 'addopts')
    const text =
      (typeof own === 'string' ? own : undefined) ??
      readIniSection(files.text('pytest.ini'), 'pytest')['addopts'] ??
      readIniSection(files.text('tox.ini'), 'pytest')['addopts'] ??
      readIniSection(setupCfg, 'tool:pytest')['addopts'] ??
      ''
    return splitCommands(text).flat()
  }
}

/** What CI installs around tests: what builds, uploads or runs other environments. */
const IGNORED_TOOLS =
  /^(?:pip|setuptools|wheel|build|twine|tox(?:-.*)?|nox|uv|pipx|hatch|poetry|codecov|coveralls|black|flake8.*|mypy|ruff|isort|pre-commit|pylint|cibuildwheel|sphinx.*)(?:\[.*\])?(?:[<>=!~].*)?$/i

function isRequirement(text: string): boolean {
  return (
    /^[A-Za-z0-9][\w.-]*(?:\[[\w.,-]+\])?(?:\s*[<>=!~].*)?(?:\s*;.*)?$/.test(text) && !/\.(?:txt|whl|gz)$/.test(text)
  )
}

/** The names that are for tests; where there are none, those for development. */
function pickForTests(names: readonly string[], wordOf: (name: string) => string = (name) => name): string[] {
  const byTests = names.filter((name) =>
    wordOf(name)
      .split(' ')
      .some((word) => TEST_NAME.test(word)),
  )
  const chosen = byTests.filter((name) => !NOT_TESTS.test(wordOf(name)))
  if (chosen.length > 0) return chosen
  return names.filter((name) =>
    wordOf(name)
      .split(' ')
      .some((word) => DEV_NAME.test(word)),
  )
}

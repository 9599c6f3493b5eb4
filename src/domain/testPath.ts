const TEST_FOLDERS = new Set([
  ...['test', 'tests', '__tests__', 'spec', 'specs', '__snapshots__', 'testdata', 'test-data', 'test_data'],
  ...['e2e', 'fixtures', '__fixtures__', '__mocks__'],
])

const TEST_NAMES = [
  /^(?:test|tests|conftest)\.py$/,
  /^test_.*\.(?:py|pyi|rb|c|cc|cpp|jl|php|sh)$/,
  /[._-](?:test|tests|spec|specs)\.[a-z]+$/,
  /_(?:test|spec)\.[a-z]+$/,
  /^Test[A-Z]\w*\.(?:java|kt|scala|groovy)$/,
  /[a-z0-9](?:Test|Tests|TestCase|IT|Spec)\.(?:java|kt|kts|scala|groovy|cs|fs|php|swift|m|mm)$/,
]

const DOCS_FOLDERS = new Set([
  'doc',
  'docs',
  'documentation',
  'newsfragments',
  'changelog.d',
  'changes.d',
  '.changeset',
])
const CODE_FOLDERS = new Set(['src', 'lib', 'source', 'app'])
const DOCS_NAMES =
  /^(?:readme|changelog|changes|history|news|authors|contributors|contributing|licen[cs]e|copying|notice|security|code_of_conduct|citation)(?:\.\w+)?$/i
const DOCS_ENDINGS = /\.(?:md|mdx|markdown|rst|adoc|asciidoc)$/i

const CI_FOLDERS = new Set(['.github', '.gitlab', '.circleci', '.buildkite', '.azure-pipelines', '.ci', '.woodpecker'])
const CI_NAMES =
  /^(?:\.gitlab-ci.*\.ya?ml|\.travis\.ya?ml|\.cirrus\.(?:ya?ml|star)|\.?appveyor\.ya?ml|azure-pipelines.*\.ya?ml|jenkinsfile|\.pre-commit-config\.ya?ml|\.?codecov\.ya?ml|\.?readthedocs\.ya?ml|\.?renovate\.json5?|noxfile\.py|tox\.ini|\.coveragerc|\.drone\.ya?ml)$/i

const SOURCE_ENDINGS =
  /\.(?:py|pyi|pyx|pxd|js|mjs|cjs|jsx|ts|mts|cts|tsx|vue|svelte|astro|go|rs|c|h|cc|cpp|cxx|hh|hpp|hxx|m|mm|java|kt|kts|scala|groovy|clj|cljs|rb|php|cs|fs|vb|swift|dart|lua|pl|pm|r|jl|ex|exs|erl|hrl|hs|ml|mli|nim|zig|cr|d|f|f90|f95|asm|s|cu|sh|bash|zsh|fish|ps1|sql|proto|graphql|css|scss|sass|less|html|j2|jinja|lark|pest|g4|y|l)$/i

/**
 * Whether a file is a test or belongs to the tests: below a folder such as `tests`, `__tests__`, `spec`, `testdata`
 * or `fixtures`, or named as test runners expect (`test_x.py`, `x_test.go`, `x.spec.ts`, `XTest.java`, `conftest.py`).
 * A folder `testing` is product code: numpy and others ship one. A file below a documentation folder is no test.
 */
export function isTestPath(path: string): boolean {
  const { folders, name } = split(path)
  if (isInDocsFolder(folders)) return false
  return folders.some((folder) => TEST_FOLDERS.has(folder.toLowerCase())) || TEST_NAMES.some((test) => test.test(name))
}

/**
 * Whether a file is documentation: Markdown, reStructuredText or AsciiDoc, a README, changelog, licence and the like,
 * or anything below a `docs` folder that is not itself below `src`, `lib`, `source` or `app`. Tests are not.
 */
export function isDocsPath(path: string): boolean {
  const { folders, name } = split(path)
  if (isTestPath(path) || isCiPath(path)) return false
  return isInDocsFolder(folders) || DOCS_NAMES.test(name) || DOCS_ENDINGS.test(name)
}

/** Whether a file only configures continuous integration or the checks around it: `.github/`, `.travis.yml`, `tox.ini`. */
export function isCiPath(path: string): boolean {
  const { folders, name } = split(path)
  return CI_FOLDERS.has(folders[0] ?? '') || CI_NAMES.test(name)
}

/** Whether a file is code of the product: it ends as a programming language's files do, and is no test, docs or CI file. */
export function isSourcePath(path: string): boolean {
  return SOURCE_ENDINGS.test(path) && !isTestPath(path) && !isCiPath(path) && !isDocsPath(path)
}

function isInDocsFolder(folders: readonly string[]): boolean {
  const docs = folders.findIndex((folder) => DOCS_FOLDERS.has(folder.toLowerCase()))
  return docs !== -1 && !folders.slice(0, docs).some((folder) => CODE_FOLDERS.has(folder.toLowerCase()))
}

function split(path: string): { folders: string[]; name: string } {
  const folders = path.split('/')
  const name = folders.pop() ?? ''
  return { folders, name }
}

import { XMLParser, XMLValidator } from 'fast-xml-parser'
import type { TestResult } from '../formats/environment.ts'

interface Case {
  name: string
  classname?: string
  file?: string
  failure?: unknown
  error?: unknown
  skipped?: unknown
}
interface Suite {
  name?: string
  testcase?: Case[]
  testsuite?: Suite[]
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseAttributeValue: false,
  isArray: (name) => name === 'testcase' || name === 'testsuite',
})

/**
 * Per-test results from JUnit XML, or null when the text is not that. A test's id is its file, its suites or classes,
 * and its name, joined by `::`, as pytest writes node ids. `repositoryPath` is taken off absolute file names. An id that
 * occurs twice passes only if it passed each time.
 */
export function parseJUnit(xml: string, repositoryPath: string): TestResult[] | null {
  if (XMLValidator.validate(xml) !== true) return null
  const root = parser.parse(xml) as { testsuites?: Suite | ''; testsuite?: Suite[] }
  if (root.testsuites === undefined && root.testsuite === undefined) return null
  const found = new Map<string, TestResult['status']>()
  const suites = root.testsuites ? [root.testsuites] : (root.testsuite ?? [])
  for (const suite of suites) visit(suite, [])
  return [...found].map(([id, status]) => ({ id, status })).sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))

  function visit(suite: Suite, path: string[]): void {
    for (const test of suite.testcase ?? []) {
      const id = idOf(test, path)
      const status = statusOf(test)
      const earlier = found.get(id)
      found.set(id, earlier === undefined || earlier === 'passed' ? status : earlier)
    }
    for (const inner of suite.testsuite ?? []) visit(inner, isFrame(inner) ? path : [...path, inner.name ?? ''])
  }

  function idOf(test: Case, path: string[]): string {
    const file = test.file?.startsWith(`${repositoryPath}/`) ? test.file.slice(repositoryPath.length + 1) : test.file
    return [file, ...path, ...classesOf(test, file, path), test.name]
      .filter((part) => part !== undefined && part !== '')
      .join('::')
  }
}

/** pytest's outer suite and Node's file suites name no place within the code. */
function isFrame(suite: Suite): boolean {
  return suite.name === 'pytest' || suite.name === undefined
}

/** pytest writes `tests.test_tags.TestParseTag`: what follows the module of the file are the classes. */
function classesOf(test: Case, file: string | undefined, path: readonly string[]): string[] {
  // Node repeats the suites in the class name, or writes `test` where there is none.
  if (!test.classname || test.classname === 'test' || test.classname === path.join('.')) return []
  const module = file?.replace(/\.\w+$/, '').replaceAll('/', '.')
  if (module === undefined) return [test.classname]
  if (test.classname === module) return []
  return test.classname.startsWith(`${module}.`) ? test.classname.slice(module.length + 1).split('.') : [test.classname]
}

function statusOf(test: Case): TestResult['status'] {
  if (test.error !== undefined) return 'error'
  if (test.failure !== undefined) return 'failed'
  return test.skipped !== undefined ? 'skipped' : 'passed'
}

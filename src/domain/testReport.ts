import { XMLParser, XMLValidator } from 'fast-xml-parser'
import type { TestResult } from '../formats/environment.ts'
import { missingIn, tellFailure } from './environment/failureReason.ts'

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
  // A failure's text tells which lines are the error's by how they begin.
  trimValues: false,
  attributeNamePrefix: '',
  parseAttributeValue: false,
  isArray: (name) => name === 'testcase' || name === 'testsuite',
})

/**
 * Per-test results from JUnit XML, or null when the text is not that. A test's id is its file, its suites or classes,
 * and its name, joined by `::`, as pytest writes node ids. `repositoryPath` is taken off absolute file names. An id that
 * occurs twice passes only if it passed each time. A test that did not pass says why as far as its failure does; what
 * was printed beside the report serves for a file that could not be loaded, of which Node's report tells no more.
 */
export function parseJUnit(xml: string, repositoryPath: string, output = ''): TestResult[] | null {
  if (XMLValidator.validate(xml) !== true) return null
  const root = parser.parse(xml) as { testsuites?: Suite | ''; testsuite?: Suite[] }
  if (root.testsuites === undefined && root.testsuite === undefined) return null
  const found = new Map<string, TestResult>()
  const suites = root.testsuites ? [root.testsuites] : (root.testsuite ?? [])
  for (const suite of suites) visit(suite, [])
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))

  function visit(suite: Suite, path: string[]): void {
    for (const test of suite.testcase ?? []) {
      const id = idOf(test, path)
      const earlier = found.get(id)
      if (earlier === undefined || earlier.status === 'passed') found.set(id, resultOf(test, id))
    }
    for (const inner of suite.testsuite ?? []) visit(inner, isFrame(inner) ? path : [...path, inner.name ?? ''])
  }

  function resultOf(test: Case, id: string): TestResult {
    const status = statusOf(test)
    if (status === 'passed' || status === 'skipped') return { id, status }
    const told = tellFailure(failureOf(test))
    if (told.reason !== 'other' || !isFileItself(test)) return { id, status, ...told }
    const missing = missingIn(output)
    return missing.length > 0 ? { id, status, reason: 'missing-name', missing } : { id, status, ...told }
  }

  function isFileItself(test: Case): boolean {
    return (
      test.name === test.file || (test.file?.endsWith(`/${test.name}`) ?? false) || /\.[cm]?[jt]sx?$/.test(test.name)
    )
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

/** What a case's failure or error says, however its reporter writes it. */
function failureOf(test: Case): { head: string; text: string } {
  const list = [test.failure, test.error].flat().filter((entry) => entry !== undefined)
  const parts = list.map((entry) => {
    if (typeof entry !== 'object' || entry === null) return { head: '', text: typeof entry === 'string' ? entry : '' }
    const { type = '', message = '', '#text': text = '' } = entry as Record<string, unknown>
    return { head: `${String(type)}: ${String(message)}`, text: String(text) }
  })
  return { head: parts.map(({ head }) => head).join('\n'), text: parts.map(({ text }) => text).join('\n') }
}

function statusOf(test: Case): TestResult['status'] {
  if (test.error !== undefined) return 'error'
  if (test.failure !== undefined) return 'failed'
  return test.skipped !== undefined ? 'skipped' : 'passed'
}

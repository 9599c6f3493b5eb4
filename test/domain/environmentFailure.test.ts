import { expect, test } from 'vitest'
import { tellFailure } from '../../src/domain/environment/failureReason.ts'
import { parseJUnit } from '../../src/domain/testReport.ts'

const tell = (text: string, head = '') => tellFailure({ head, text })

test.each([
  [
    "E   ImportError: cannot import name 'Unsorted' from 'packaging.utils' (/repo/src/packaging/utils.py)",
    ['Unsorted'],
  ],
  ["E   ModuleNotFoundError: No module named 'packaging.new'", ['packaging.new']],
  ["E   AttributeError: module 'humanize' has no attribute 'fractional'", ['fractional']],
  ["E   AttributeError: 'Tag' object has no attribute 'order'", ['order']],
  ["E   NameError: name 'parse_tag' is not defined", ['parse_tag']],
  ["E   TypeError: parse() got an unexpected keyword argument 'validate_order'", ['validate_order']],
  ["SyntaxError: The requested module '../src/a.js' does not provide an export named 'week'", ['week']],
  ['TypeError: __vite_ssr_import_0__.week is not a function', ['week']],
  ['TypeError: (0 , a.week) is not a function', ['week']],
  ['ReferenceError: year is not defined', ['year']],
  ["Error: Cannot find module './later.js'", ['./later.js']],
  ['./a_test.go:5:7: undefined: Week\n./a_test.go:6:7: undefined: pkg.Year', ['Week', 'Year']],
  ['x.Week undefined (type T has no field or method Week)', ['Week']],
  [
    'error[E0432]: unresolved import `crate::week`\nerror[E0599]: no method named `year` found',
    ['crate::week', 'year'],
  ],
  ['A.java:[3,4] cannot find symbol\n  symbol:   method week(int)\n  location: class A', ['week']],
  ["a.c:3:2: error: implicit declaration of function ‘week’\nld: undefined reference to `year'", ['week', 'year']],
])('%s lacks %j', (text, missing) => {
  expect(tell(text)).toEqual({ reason: 'missing-name', missing })
})

test.each([
  'E   assert 1 == 2',
  'E   Failed: DID NOT RAISE <class ValueError>',
  "{ code: 'ERR_ASSERTION', generatedMessage: true }",
  'AssertionError: expected 1 to be 2',
  'org.opentest4j.AssertionFailedError: expected: <1> but was: <2>',
  'thread panicked at src/lib.rs:3: assertion `left == right` failed',
])('%s is a check that did not hold', (text) => {
  expect(tell(text)).toEqual({ reason: 'assertion' })
})

test("the error's own line decides over source lines that a traceback quotes", () => {
  const quoted = "    with pytest.raises(AssertionError):\nE   AttributeError: module 'a' has no attribute 'b'"
  expect(tell(quoted, "AttributeError: module 'a' has no attribute 'b'")).toEqual({
    reason: 'missing-name',
    missing: ['b'],
  })
  expect(tell("E   AttributeError: module 'a' has no attribute 'b'", 'AssertionError: assert False')).toEqual({
    reason: 'assertion',
  })
  expect(tell('E   ValueError: no', 'ValueError: no')).toEqual({ reason: 'other' })
})

test('a collection error keeps its place and says which name is missing; a passed test says nothing', () => {
  const xml = `<testsuites><testsuite name="pytest">
    <testcase classname="" name="tests.test_new" file="tests/test_new.py"><error message="collection failure">ImportError while importing test module
E   ImportError: cannot import name 'later' from 'p'</error></testcase>
    <testcase classname="tests.test_a" name="test_a" file="tests/test_a.py"/>
    <testcase classname="tests.test_a" name="test_b" file="tests/test_a.py"><failure message="assert 1 == 2">E  assert 1 == 2</failure></testcase>
  </testsuite></testsuites>`
  expect(parseJUnit(xml, '/repo')).toEqual([
    { id: 'tests/test_a.py::test_a', status: 'passed' },
    { id: 'tests/test_a.py::test_b', status: 'failed', reason: 'assertion' },
    { id: 'tests/test_new.py::tests.test_new', status: 'error', reason: 'missing-name', missing: ['later'] },
  ])
})

test('a file that Node could not load is told by what was printed', () => {
  const xml = `<testsuites><testcase name="test/a.test.js" classname="test" file="/repo/test/a.test.js"><failure type="testCodeFailure" message="test failed">[Error [ERR_TEST_FAILURE]: test failed]</failure></testcase></testsuites>`
  const output = "SyntaxError: The requested module '../src/a.js' does not provide an export named 'week'"
  expect(parseJUnit(xml, '/repo', output)).toMatchObject([{ reason: 'missing-name', missing: ['week'] }])
  expect(parseJUnit(xml, '/repo')).toMatchObject([{ reason: 'other' }])
})

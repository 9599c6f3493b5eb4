import { expect, test } from 'vitest'
import { parseJUnit } from '../../src/domain/testReport.ts'

const ids = (xml: string) => parseJUnit(xml, '/repo')?.map(({ id, status }) => `${id} ${status}`)

test('pytest node ids are found again, classes and parameters included', () => {
  const xml = `<?xml version="1.0"?><testsuites><testsuite name="pytest">
    <testcase classname="tests.test_tags.TestParseTag" name="test_empty[-none-any]" file="tests/test_tags.py" line="3"/>
    <testcase classname="tests.test_tags" name="test_a[&lt;x&gt; - y]" file="tests/test_tags.py"><failure message="no">x</failure></testcase>
    <testcase classname="tests.test_tags" name="test_s" file="tests/test_tags.py"><skipped/></testcase>
    <testcase classname="" name="tests.test_new" file="tests/test_new.py"><error message="collection failure"/></testcase>
  </testsuite></testsuites>`
  expect(ids(xml)).toEqual([
    'tests/test_new.py::tests.test_new error',
    'tests/test_tags.py::TestParseTag::test_empty[-none-any] passed',
    'tests/test_tags.py::test_a[<x> - y] failed',
    'tests/test_tags.py::test_s skipped',
  ])
})

test('Node suites are named once, and absolute files become relative', () => {
  const xml = `<testsuites>
    <testcase name="top" classname="test" file="/repo/test/a.test.js"/>
    <testsuite name="outer"><testsuite name="inner"><testcase name="deep" classname="outer.inner" file="/repo/test/a.test.js"/></testsuite></testsuite>
  </testsuites>`
  expect(ids(xml)).toEqual(['test/a.test.js::outer::inner::deep passed', 'test/a.test.js::top passed'])
})

test('a test that occurs twice passes only if it passed each time', () => {
  const xml = `<testsuite><testcase name="a" file="f"/><testcase name="a" file="f"><failure/></testcase><testcase name="a" file="f"/></testsuite>`
  expect(ids(xml)).toEqual(['f::a failed'])
})

test('what is no JUnit XML is told, not guessed', () => {
  for (const text of ['', 'ok 1 - fine', '<html></html>', '<testsuites><testcase'])
    expect(parseJUnit(text, '/repo')).toBeNull()
})

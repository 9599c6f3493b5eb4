import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Report {
  numPassedTests: number
  numFailedTests: number
  numFailedTestSuites: number
  testResults: {
    name: string
    status: string
    assertionResults: { status: string; ancestorTitles: string[]; title: string }[]
  }[]
}

/** Runs the tests, names what was left out for want of Docker, bubblewrap or Temporal, and prints vitest's own count last. */
const dir = mkdtempSync(join(tmpdir(), 'prchain-test-'))
const output = join(dir, 'report.json')
const vitest = join(import.meta.dirname, '..', 'node_modules', 'vitest', 'vitest.mjs')
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${output}`, ...process.argv.slice(2)],
  { stdio: ['ignore', 'inherit', 'inherit'] },
)
const report = JSON.parse(readFileSync(output, 'utf8')) as Report
rmSync(dir, { recursive: true })

const NEEDED = ['docker', 'temporal', 'bubblewrap']
const leftOut = new Map<string, number>()
for (const file of report.testResults) {
  for (const test of file.assertionResults) {
    if (test.status !== 'skipped' && test.status !== 'pending') continue
    const suite = `${file.name.slice(join(import.meta.dirname, '..').length + 1)}: ${test.ancestorTitles[0] ?? test.title}`
    leftOut.set(suite, (leftOut.get(suite) ?? 0) + 1)
  }
}
const demanded = new Set(process.env['PRCHAIN_REQUIRE']?.split(','))
const isAllDemanded = NEEDED.every((need) => demanded.has(need))
if (leftOut.size > 0) {
  console.log(
    isAllDemanded
      ? '\nLeft out, though everything is demanded:'
      : `\nLeft out, for want of Docker, bubblewrap or a Temporal server on this machine (PRCHAIN_REQUIRE=${NEEDED.join(',')} demands them):`,
  )
  for (const [suite, count] of leftOut) console.log(`  ${suite} (${count})`)
}
// A file that could not be loaded has no tests to count, and is a failure all the same.
const unloaded = report.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
).length
const failed = report.numFailedTests + unloaded + (isAllDemanded && process.argv.length === 2 ? leftOut.size : 0)
console.log(`${report.numPassedTests} passed, ${failed} failed`)
process.exit(status === 0 && failed === 0 ? 0 : 1)

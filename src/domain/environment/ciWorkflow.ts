import type { Finding, Language } from './findings.ts'
import { at, isData, tableAt, textsAt, type Data, type RepositoryFiles } from './repositoryFiles.ts'

const SETUP_ACTIONS: [RegExp, Language, string][] = [
  [/(?:^|\/)setup-python@/, 'python', 'python-version'],
  [/(?:^|\/)setup-uv@/, 'python', 'python-version'],
  [/(?:^|\/)setup-node@/, 'node', 'node-version'],
  [/(?:^|\/)setup-go@/, 'go', 'go-version'],
  [/(?:^|\/)setup-java@/, 'java', 'java-version'],
  [/(?:^|\/)rust-toolchain@/, 'rust', 'toolchain'],
]
const TEST_WORDS =
  /\b(?:pytest|tox|nox|unittest|npm (?:run )?test|(?:yarn|pnpm)(?: run)? test|vitest|jest|mocha|go test|cargo test|mvn|gradlew?|ctest|make (?:check|test)|meson test)\b/

/**
 * What a GitHub workflow says of the jobs that run tests on Linux: versions of languages, matrices looked up, and the
 * scripts of their steps. Null for one that runs no test.
 */
export function readCiWorkflow(files: RepositoryFiles, path: string): Finding | null {
  const workflow = files.data(path)
  const jobs = Object.values(tableAt(workflow, 'jobs')).filter(isData).filter(runsTests)
  const onLinux = jobs.filter((job) => !/^(?:windows|macos)/i.test(textsAt(job, 'runs-on').join(' ')))
  if (onLinux.length === 0) return null
  const finding: Finding = { path, versions: {}, scripts: [] }
  for (const job of onLinux) {
    for (const step of stepsOf(job)) {
      if (/windows|macos/i.test(textsAt(step, 'if').join())) continue
      const script = at(step, 'run')
      if (typeof script === 'string') finding.scripts.push(resolve(script, job).join('\n'))
      for (const [action, language, input] of SETUP_ACTIONS) {
        if (!action.test(textsAt(step, 'uses').join())) continue
        const named = textsAt(step, 'with', input).flatMap((text) => resolve(text, job).flatMap(splitList))
        finding.versions[language] ??= []
        for (const version of named.filter((text) => /^\d/.test(text)))
          if (!finding.versions[language].includes(version)) finding.versions[language].push(version)
      }
    }
  }
  return finding
}

function runsTests(job: Data): boolean {
  return stepsOf(job).some((step) => TEST_WORDS.test(textsAt(step, 'run').join()))
}

function stepsOf(job: Data): Data[] {
  const steps = at(job, 'steps')
  return Array.isArray(steps) ? (steps as unknown[]).filter(isData) : []
}

function splitList(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '')
}

/** The texts that `${{ matrix.x }}` stands for, one for each value; the text itself when it is a plain one. */
function resolve(text: string, job: Data): string[] {
  const name = /\$\{\{\s*matrix\.([\w-]+)\s*\}\}/.exec(text)?.[1]
  if (name === undefined) return [text]
  const only = /^\s*\$\{\{\s*matrix\.[\w-]+\s*\}\}\s*$/.test(text)
  const matrix = tableAt(job, 'strategy', 'matrix')
  const included = at(matrix, 'include')
  const rows = Array.isArray(included) ? (included as unknown[]) : []
  const values = [...textsAt(matrix, name), ...rows.flatMap((row) => textsAt(row, name))]
  // A script is told once, not for each row.
  return only ? values : [text]
}

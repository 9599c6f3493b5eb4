import { readCiWorkflow } from './ciWorkflow.ts'
import { readDevcontainer } from './devcontainer.ts'
import { readDockerfile } from './dockerfileReading.ts'
import type { RepositoryFiles } from './repositoryFiles.ts'
import { plainWords, splitCommands } from './shellWords.ts'

/** A language whose version a repository names. */
export type Language = 'python' | 'node' | 'go' | 'java' | 'rust'

/** What files that describe a machine say of the one that a repository's tests need. */
export interface Findings {
  /** Versions as they are written, the first source that names any. */
  versions: Partial<Record<Language, string[]>>
  /** Debian packages. */
  packages: string[]
  /** The commands that are run, as words, in their order: those that install and those that test. */
  commands: string[][]
  /** What was taken from which file, in sentences. */
  notes: string[]
}

/** What one file says. */
export interface Finding {
  path: string
  versions: Partial<Record<Language, string[]>>
  /** Shell scripts that it runs. */
  scripts: string[]
}

/** The files that {@link readFindings} reads, of a repository's paths. */
export function findingFiles(paths: readonly string[]): string[] {
  return paths.filter(
    (path) =>
      /^\.github\/workflows\/[^/]+\.ya?ml$/.test(path) ||
      /^\.devcontainer\/(?:[^/]+\/)?(?:devcontainer\.json|Dockerfile)$/.test(path) ||
      /^\.devcontainer\.json$/.test(path) ||
      /^(?:[^/]+\/)?Dockerfile(?:[.-](?:dev|test|tests|ci))?$/.test(path),
  )
}

/** Reads them: devcontainer first, then CI workflows, then Dockerfiles. Versions come from the first that has them. */
export function readFindings(files: RepositoryFiles): Findings {
  const paths = findingFiles(files.paths)
  const found = [
    ...paths.filter((path) => path.endsWith('devcontainer.json')).map((path) => readDevcontainer(files, path)),
    ...firstFound(workflowsOf(paths), (path) => readCiWorkflow(files, path)),
    ...paths.filter((path) => /Dockerfile[^/]*$/.test(path)).map((path) => readDockerfile(files, path)),
  ].filter((finding) => finding !== null)
  const findings: Findings = { versions: {}, packages: [], commands: [], notes: [] }
  for (const { path, versions, scripts } of found) {
    for (const [language, named] of Object.entries(versions) as [Language, string[]][]) {
      if (findings.versions[language] || named.length === 0) continue
      findings.versions[language] = named
      findings.notes.push(`${path} names ${language} ${named.join(', ')}.`)
    }
    const commands = scripts.flatMap(splitCommands)
    const packages = commands.flatMap(aptPackages).filter((name) => !findings.packages.includes(name))
    if (packages.length > 0) findings.notes.push(`${path} installs the Debian packages ${packages.join(', ')}.`)
    findings.packages.push(...packages)
    findings.commands.push(...commands)
  }
  return findings
}

/** Several workflows that test are for several machines, whose packages need not go together. */
function firstFound(paths: readonly string[], readOne: (path: string) => Finding | null): (Finding | null)[] {
  for (const path of paths) {
    const finding = readOne(path)
    if (finding) return [finding]
  }
  return []
}

/** Workflows by what their names promise; those that publish, document or check style are left out. */
function workflowsOf(paths: readonly string[]): string[] {
  const rank = (path: string) =>
    Number(!/test|\bci\b|unit/i.test(path)) + Number(!/linux|ubuntu|main|build|test|\bci\b/i.test(path))
  return paths
    .filter((path) => path.startsWith('.github/'))
    .filter(
      (path) =>
        !/doc|lint|release|publish|deploy|codeql|perf|bench|label|stale|wheel|windows|macos|nightly|emscripten|wasm|pypy|cygwin|sanitize|mypy|typing|fuzz|downstream/i.test(
          path,
        ),
    )
    .sort((a, b) => rank(a) - rank(b) || a.length - b.length)
}

/** The packages of an `apt-get install`. */
function aptPackages(words: string[]): string[] {
  if (!/^(?:apt|apt-get)$/.test(words[0] ?? '')) return []
  const install = words.indexOf('install')
  if (install < 0) return []
  return plainWords(words.slice(install + 1)).filter((word) => /^[a-z0-9][a-z0-9+.-]+$/.test(word))
}

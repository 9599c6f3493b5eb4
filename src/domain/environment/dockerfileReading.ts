import type { Finding, Language } from './findings.ts'
import type { RepositoryFiles } from './repositoryFiles.ts'

const IMAGES: Record<string, Language> = {
  python: 'python',
  node: 'node',
  'javascript-node': 'node',
  'typescript-node': 'node',
  golang: 'go',
  go: 'go',
  rust: 'rust',
  openjdk: 'java',
  'eclipse-temurin': 'java',
  maven: 'java',
  java: 'java',
}

/** What a Dockerfile says: versions from the images it starts from, and what its `RUN` lines do. Null for an absent one. */
export function readDockerfile(files: RepositoryFiles, path: string): Finding | null {
  const text = files.text(path)
  if (text === null) return null
  const finding: Finding = { path, versions: {}, scripts: [] }
  const lines = text.replaceAll(/^\s*#.*\n/gm, '').replaceAll(/\\[ \t]*\r?\n/g, ' ')
  for (const [, instruction = '', rest = ''] of lines.matchAll(/^[ \t]*(FROM|RUN)[ \t]+(.*)$/gim)) {
    if (instruction.toUpperCase() === 'RUN') finding.scripts.push(rest.replace(/^(?:--\S+\s+)+/, ''))
    else finding.versions = { ...imageVersions(rest.replace(/^--\S+\s+/, '').split(/\s/)[0]!), ...finding.versions }
  }
  return finding
}

/** The version of a language that an image's tag names: `python:3.12-slim` has Python 3.12. */
export function imageVersions(image: string): Finding['versions'] {
  const match = /([a-z-]+):(?:\d+-)?(\d+(?:\.\d+)*)[\w.-]*$/.exec(image)
  const language = match && IMAGES[match[1]!]
  return language ? { [language]: [match[2]!] } : {}
}

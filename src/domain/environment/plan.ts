import { environment as environmentSchema, type Environment, type Origin } from '../../formats/environment.ts'
import type { EnvironmentBuild } from './build.ts'
import { isC, planC, cFiles } from './c.ts'
import { writeDockerfile } from './dockerfile.ts'
import { findingFiles, readFindings } from './findings.ts'
import { goFiles, isGo, planGo } from './go.ts'
import { isJava, javaFiles, planJava } from './java.ts'
import { isNode, nodeFiles, planNode } from './node.ts'
import { isPython, planPython } from './python.ts'
import { pythonFiles } from './pythonProject.ts'
import { openFiles } from './repositoryFiles.ts'
import type { Recipe, RecipeInput } from './recipe.ts'
import { isRust, planRust, rustFiles } from './rust.ts'

interface Known {
  isThere: (paths: readonly string[]) => boolean
  filesOf: (paths: readonly string[]) => string[]
  plan: (input: RecipeInput) => Recipe | null
  sources: RegExp
}

/** All recipes, the likelier first where two are equally at home. */
const RECIPES: Known[] = [
  { isThere: isPython, filesOf: pythonFiles, plan: planPython, sources: /\.(?:py|pyx|pyi)$/ },
  { isThere: isNode, filesOf: nodeFiles, plan: planNode, sources: /\.(?:[cm]?[jt]sx?|vue|svelte)$/ },
  { isThere: isGo, filesOf: goFiles, plan: planGo, sources: /\.go$/ },
  { isThere: isRust, filesOf: rustFiles, plan: planRust, sources: /\.rs$/ },
  { isThere: isJava, filesOf: javaFiles, plan: planJava, sources: /\.(?:java|kt|groovy|scala)$/ },
  { isThere: isC, filesOf: cFiles, plan: planC, sources: /\.(?:c|h|cc|cpp|cxx|hpp|hh)$/ },
]

/** The files of a repository that a plan may rest on: those to read before {@link planEnvironment}. */
export function filesToRead(paths: readonly string[]): string[] {
  return [...new Set([...findingFiles(paths), ...RECIPES.flatMap(({ filesOf }) => filesOf(paths))])].sort()
}

/**
 * The environment of a repository at one commit: the recipe of its language, refined by what is found in it. Of
 * several languages the one of the tests is taken, else the one with most files. `date` is the commit's. A reason
 * when no recipe serves. Pure: the same input gives the same Dockerfile.
 */
export function planEnvironment(options: {
  paths: readonly string[]
  read: (path: string) => string | null
  date: string
  build: EnvironmentBuild
  testFiles?: readonly string[]
}): { environment: Environment; origin: Origin } | { reason: string } {
  const { paths, read, date, build, testFiles = [] } = options
  const files = openFiles(paths, read)
  const count = ({ sources }: Known) =>
    1_000_000 * testFiles.filter((path) => sources.test(path)).length +
    paths.filter((path) => sources.test(path)).length
  const there = RECIPES.filter(({ isThere }) => isThere(paths)).sort((a, b) => count(b) - count(a))
  if (there.length === 0) {
    return {
      reason: 'no file of the repository says how it is built: there is no recipe for it; give --environment FILE',
    }
  }
  const findings = readFindings(files)
  for (const known of there) {
    const recipe = known.plan({ files, findings, date })
    if (recipe) return compose(recipe)
  }
  return {
    reason: `nothing in the repository says how its tests are run (${files.used().join(', ')}); give --environment FILE`,
  }

  function compose(recipe: Recipe): { environment: Environment; origin: Origin } {
    const environment = environmentSchema.parse({
      format: 'prchain.environment/1',
      dockerfile: writeDockerfile(recipe, { build, packages: findings.packages }),
      context: 'repository',
      buildNetwork: build.network,
      setup: [
        ...(recipe.build.length > 0 ? [`/opt/prchain/bin/lay${recipe.isIncremental ? ' times' : ''}`] : []),
        ...recipe.setup,
      ],
      writable: recipe.writable,
      env: recipe.env,
      test: recipe.test,
      timeouts: {},
    })
    const notes = [...findings.notes, ...recipe.notes]
    const kind = findings.notes.length > 0 ? 'found' : 'recipe'
    return { environment, origin: { kind, recipe: recipe.name, files: files.used(), notes } }
  }
}

import { quoteWord } from './recipe.ts'
import { tableAt, textsAt, type RepositoryFiles } from './repositoryFiles.ts'
import { splitCommands } from './shellWords.ts'

/** How a Node project's tests are run. */
export interface NodeTest {
  command: string
  report: 'junit' | 'exit-code'
  /** A converter of ours that the command uses. */
  needs: 'jest-report' | 'tap-report' | null
  note: string
}

const RUNNERS = ['vitest', 'jest', 'mocha', 'ava', 'tap', 'tape'] as const
/** Options of `node` that say how sources are loaded. */
const LOADERS = /^(?:--import|--require|-r|--loader|--experimental-loader|--conditions|-C)$/

/**
 * The command that runs given test files and writes JUnit XML: by the runner of the script `test`, of CI's commands,
 * or of the packages. Null when nothing says how.
 */
export function nodeTestCommand(files: RepositoryFiles, ciCommands: readonly string[][]): NodeTest | null {
  const manifest = files.data('package.json')
  const scripts = tableAt(manifest, 'scripts')
  const packages = { ...tableAt(manifest, 'dependencies'), ...tableAt(manifest, 'devDependencies') }
  const testScripts = Object.keys(scripts)
    .filter((name) => /^(?:test|tests|unit)(?:$|[:_-])/.test(name))
    .sort((a, b) => Number(b === 'test') - Number(a === 'test'))
  const commands = [
    ...testScripts.flatMap((name) => splitCommands(textsAt(scripts, name)[0] ?? '')),
    ...ciCommands,
  ].map(withoutRunners)
  for (const words of commands) {
    const [program = '', ...rest] = words
    if (program === 'node' && rest.includes('--test')) return byNode(rest)
    const runner = RUNNERS.find((name) => name === program)
    if (runner) return byRunner(runner, rest)
  }
  const installed = RUNNERS.find((name) => name in packages)
  if (installed) return byRunner(installed, [])
  return null
}

function byNode(words: readonly string[]): NodeTest {
  const kept = words.flatMap((word, index) => {
    if (LOADERS.test(word)) return [word, words[index + 1] ?? '']
    return /^--(?:import|require|loader|experimental|conditions|no-warnings|enable-source-maps|expose-gc|harmony)/.test(
      word,
    ) && !/coverage/.test(word)
      ? [word]
      : []
  })
  const options = ['--test', ...new Set(kept)].map(quoteWord).join(' ')
  return {
    command: `node ${options} --test-reporter=junit --test-reporter-destination={report} {files}`,
    report: 'junit',
    needs: null,
    note: 'Tests are run by node --test.',
  }
}

function byRunner(runner: (typeof RUNNERS)[number], words: readonly string[]): NodeTest {
  const note = `Tests are run by ${runner}.`
  const configuration = keepOption(
    words,
    runner === 'mocha'
      ? ['--config', '--require', '-r', '--loader', '--import', '--ui', '--timeout']
      : ['--config', '-c', '--project', '--globals', '--environment'],
  )
  const options = configuration.map((word) => ` ${quoteWord(word)}`).join('')
  const bin = `./node_modules/.bin/${runner}`
  switch (runner) {
    case 'vitest':
      return {
        command: `${bin} run${options} --reporter=junit --outputFile={report} {files}`,
        report: 'junit',
        needs: null,
        note,
      }
    case 'jest':
      return {
        command: `${bin}${options} --ci --coverage=false --json --outputFile=/tmp/jest.json --runTestsByPath {files}; code=$?; node /opt/prchain/bin/jest-report.cjs /tmp/jest.json {report}; exit $code`,
        report: 'junit',
        needs: 'jest-report',
        note,
      }
    case 'mocha':
      return {
        command: `${bin}${options} --reporter xunit --reporter-option output={report} {files}`,
        report: 'junit',
        needs: null,
        note,
      }
    case 'ava':
      return { command: tap(`${bin} --tap {files}`), report: 'junit', needs: 'tap-report', note }
    case 'tap':
    case 'tape':
      return {
        command: tap('node "$file"', true),
        report: 'junit',
        needs: 'tap-report',
        note: `${note} Each file is run by itself, for its TAP.`,
      }
    default:
      return runner satisfies never
  }
}

/** A command whose TAP becomes JUnit XML; `each` runs it for every file as `$file`. */
function tap(command: string, each = false): string {
  const one = `${command} 2>/tmp/test.err || { echo "not ok - $file ends with $?"; sed 's/^/  /' /tmp/test.err; }`
  const whole = each ? `for file in {files}; do echo "# file $file"; ${one}; done` : `${command} 2>/tmp/test.err`
  return `{ ${whole}; } > /tmp/test.tap; cat /tmp/test.err /tmp/test.tap; node /opt/prchain/bin/tap-report.cjs /tmp/test.tap /tmp/test.err {report}`
}

/** Takes off what only starts a runner: npx, cross-env, c8 and nyc, paths into node_modules. */
function withoutRunners(words: string[]): string[] {
  let start = 0
  while (start < words.length) {
    const word = words[start]!
    if (
      /^(?:npx|cross-env|c8|nyc|pnpm|yarn|exec|dlx|\w+=.*)$/.test(word) ||
      (start > 0 && word.startsWith('-') && words[0] !== 'node')
    )
      start++
    else break
  }
  const [program = '', ...rest] = words.slice(start)
  const bare = program.replace(/^(?:\.\/)?node_modules\/(?:\.bin\/|(\w+)\/.*$)/, '$1')
  // `node node_modules/jest/bin/jest.js` is jest.
  const inner =
    bare === 'node'
      ? /node_modules\/(?:\.bin\/)?([\w-]+)/.exec(rest.find((word) => !word.startsWith('-')) ?? '')?.[1]
      : undefined
  return inner ? [inner, ...rest.slice(rest.findIndex((word) => !word.startsWith('-')) + 1)] : [bare, ...rest]
}

function keepOption(words: readonly string[], names: readonly string[]): string[] {
  return words.flatMap((word, index) => {
    if (names.includes(word)) return [word, words[index + 1] ?? '']
    return names.some((name) => word.startsWith(`${name}=`)) ? [word] : []
  })
}

import { readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import {
  ConfigError,
  flagOf,
  helpOf,
  isSecret,
  isSwitch,
  readConfig,
  settingNames,
  type Config,
  type SettingName,
} from './config.ts'
import { tryEnvironment } from './activities/tryEnvironment.ts'
import {
  distantLinks,
  miningMode,
  miningSource,
  type DistantLinks,
  type MiningMode,
  type MiningSource,
} from './formats/mining.ts'
import { cancel } from './cli/cancel.ts'
import { ceilingsOf } from './cli/ceilings.ts'
import { importChains, listChains } from './cli/chains.ts'
import { demo } from './cli/demo.ts'
import { doctor } from './cli/doctor.ts'
import { mine } from './cli/mine.ts'
import { report } from './cli/report.ts'
import { resume } from './cli/resume.ts'
import { run } from './cli/run.ts'
import {
  CEILINGS,
  CONNECTION,
  ENVIRONMENTS,
  GATEWAY,
  OWN_SERVER,
  REACH,
  ROLLOUT,
  SERVERS,
  WORKER,
} from './cli/settingGroups.ts'
import { show } from './cli/show.ts'
import { status } from './cli/status.ts'
import { EXIT, InputError, openTerminal, type Terminal } from './cli/terminal.ts'
import { exportTrajectories, importTrajectory } from './cli/trajectory.ts'
import { survey } from './cli/survey.ts'
import { up } from './cli/up.ts'
import { gateway } from './cli/gateway.ts'
import { worker } from './cli/worker.ts'

const NOT_IN_DEMO: readonly SettingName[] = ['mirrors', 'model', 'judgeModel', 'queryModel']

interface Invocation {
  config: Config
  env: NodeJS.ProcessEnv
  terminal: Terminal
  signal: AbortSignal
  flags: Record<string, unknown>
}

const program = new Command('prchain')
  .description('Turns chains of GitHub pull requests into long training trajectories for coding agents.')
  .version(readVersion(), '--version', 'the version')
  .showHelpAfterError('(prchain --help lists the commands)')
  .exitOverride()

const stopping = new AbortController()
let exitCode: number = EXIT.ended

verb(
  'doctor',
  'what is here, and how to fix what is not',
  [...CONNECTION, 'temporalCli', ...REACH, 'sandbox', 'environment', 'mirrors', ...ENVIRONMENTS, 'siiCliPath'],
  (it) =>
    doctor({
      ...it,
      at: (it.flags['at'] as string | undefined) ?? null,
      testFiles: (it.flags['tests'] as string[] | undefined) ?? [],
      tryEnvironment,
    }),
)
  .option('--at <sha>', 'with --environment REPO: the commit whose environment is tried (the head of the main line)')
  .option('--tests <files...>', 'with --environment REPO: the test files that are run (all)')
const demoVerb = verb(
  'demo',
  'the main job, whole, with nothing but this machine',
  [...OWN_SERVER, ...SERVERS, ...WORKER, ...ROLLOUT.filter((name) => !NOT_IN_DEMO.includes(name))],
  (it) => {
    const useless = NOT_IN_DEMO.find((name) => it.flags[name] !== undefined)
    if (useless === undefined) return demo({ ...it, isKept: it.flags['keep'] === true })
    throw new InputError(
      `${flagOf(useless)} has no use in the demo, which plays its own example repository with the scripted model; \`prchain run\` takes it`,
    )
  },
).option('--keep', 'leave the Temporal UI up')
for (const name of NOT_IN_DEMO) demoVerb.addOption(new Option(`${flagOf(name)} <value>`).hideHelp())
verb(
  'up',
  'Temporal dev server, schedule and worker in one process tree',
  [...OWN_SERVER, ...SERVERS, ...WORKER],
  (it) => up(it),
)
verb('worker', 'one worker alone', [...CONNECTION, 'resumeEveryMs', ...WORKER], (it) => worker(it))
verb('gateway', 'one gateway alone', ['store', ...GATEWAY], (it) => gateway(it))
verb(
  'mine <repository>',
  'gather pull requests, link them, store the chains',
  [...CONNECTION, 'mirrors', 'model', 'judgeModel', 'prices', 'seed'],
  (it, repository) =>
    mine({
      ...it,
      repository: repository!,
      mode: it.flags['mode'] as MiningMode,
      source: it.flags['source'] as MiningSource,
      isOffline: it.flags['offline'] === true,
      min: it.flags['min'] as number,
      max: it.flags['max'] as number,
      distant: it.flags['distant'] as DistantLinks,
      isJudged: it.flags['judgeLinks'] === true,
    }),
)
  .addOption(
    new Option('--mode <mode>', 'by references, by nearness in time, or each pull request alone')
      .choices(miningMode.options)
      .default('semantic'),
  )
  .addOption(
    new Option('--source <source>', 'github, or git for the texts of commits alone, which hold few references')
      .choices(miningSource.options)
      .default('github'),
  )
  .option('--offline', 'ask nobody: link again what was fetched before')
  .option('--min <n>', 'shortest chain', wholeNumber, 2)
  .option('--max <n>', 'longest chain', wholeNumber, 5)
  .option('--judge-links', 'ask a model about each link, from its evidence and the two patches')
  .addOption(
    new Option('--distant <what>', 'links that no text states, from the lines and names that changes share')
      .choices(distantLinks.options)
      .default('none'),
  )
const chains = verb('chains [repository]', 'list the chains of the store', ['store'], (it, repository) =>
  listChains({
    ...it,
    filter: {
      repository: repository ?? null,
      mode: (it.flags['mode'] as string | undefined) ?? null,
      minScore: (it.flags['minScore'] as number | undefined) ?? null,
      limit: (it.flags['limit'] as number | undefined) ?? null,
      isAll: it.flags['all'] === true,
    },
  }),
)
  .option('--mode <mode>', 'chains of one mode alone: semantic, temporal, single, given')
  .option('--min-score <score>', 'chains whose weakest link has this score or more', score)
  .option('--limit <n>', 'so many at most', wholeNumber)
  .option('--all', 'also those of earlier minings that the latest did not make')
verb(
  'import <file>',
  'chains given by hand: {"repo": "o/n", "prs": [1150, 1234], "id": optional} a line',
  ['store', 'mirrors'],
  (it, path) => importChains({ ...it, path: path! }),
  chains,
)
verb(
  'show <target>',
  'a CHAIN with the evidence for each link, or a rollout (CAMPAIGN/CHAIN/N)',
  [...CONNECTION],
  (it, target) => show({ ...it, target: target! }),
)
verb(
  'survey [repositories...]',
  'is a repository worth mining: effective pull requests, reviews, tests, languages, licence, expected chains',
  ['store', 'mirrors', 'preset'],
  (it, ...repositories) =>
    survey({
      ...it,
      repositories,
      // A preset of the settings file is meant for rollouts: only a typed one names repositories.
      isPaper: it.flags['preset'] === 'paper',
      source: it.flags['source'] as string,
    }),
).option('--source <source>', 'git: ask GitHub nothing', 'github')
verb('report <repositories...>', 'one HTML page of what was mined', ['store'], (it, ...targets) =>
  report({ ...it, targets, out: (it.flags['out'] as string | undefined) ?? null }),
).option('--out <file>', 'where it is written (the folder reports of the store)')
verb('run <targets...>', 'run a campaign over chains and repositories', [...CONNECTION, ...ROLLOUT], (it, ...targets) =>
  run({ ...it, targets, isDetached: it.flags['detach'] === true }),
).option('--detach', 'start it and leave')
verb('status [campaign]', 'how campaigns stand', [...CONNECTION], (it, campaign) =>
  status({ ...it, campaign: campaign ?? null }),
)
verb(
  'resume <target>',
  'let what is parked go on, all of a CAMPAIGN or one CAMPAIGN/CHAIN/N, under other ceilings if they are given',
  [...CONNECTION, ...CEILINGS],
  // What the environment says was for the start: only what is typed changes a ceiling.
  (it, target) => resume({ ...it, target: target!, asked: ceilingsOf(typed(it, CEILINGS)) }),
)
verb(
  'cancel <target>',
  'end in order what is named: a CAMPAIGN with its chains, one CAMPAIGN/CHAIN/N, or a workflow id',
  [...CONNECTION],
  (it, target) => cancel({ ...it, target: target! }),
)

const trajectory = program.command('trajectory').description('trajectories to and from other formats')
verb(
  'export <target>',
  'the samples of a CAMPAIGN or one CAMPAIGN/CHAIN/N, or an imported trajectory (imports/ID), as files',
  ['store'],
  (it, target) =>
    exportTrajectories({
      ...it,
      target: target!,
      format: it.flags['format'] as string,
      out: (it.flags['out'] as string | undefined) ?? null,
    }),
  trajectory,
)
  .option('--format <format>', 'atif: Harbor’s Agent Trajectory Interchange Format', 'atif')
  .option('--out <path>', 'a file, or for a campaign a folder (the folder trajectories of the store)')
verb(
  'import <file>',
  'a trajectory of another agent, an ATIF document: stored apart from samples',
  ['store'],
  (it, path) => importTrajectory({ ...it, path: path! }),
  trajectory,
)

/** Adds a verb with its settings as flags. Ctrl-C aborts its signal; a second one ends the process. */
function verb(
  spelling: string,
  description: string,
  settings: readonly SettingName[],
  act: (invocation: Invocation, ...args: string[]) => Promise<number>,
  parent: Command = program,
): Command {
  const command = parent
    .command(spelling)
    .description(description)
    .option('--json', 'one JSON document, or JSON lines, on stdout and nothing else there')
  for (const name of new Set(settings)) {
    if (isSecret(name)) continue
    command.option(isSwitch(name) ? flagOf(name) : `${flagOf(name)} <value>`, helpOf(name))
  }
  return command.action(async (...given: unknown[]) => {
    const flags = (given.at(-1) as Command).optsWithGlobals<Record<string, unknown>>()
    const args = given
      .slice(0, -2)
      .flat()
      .filter((arg) => arg !== undefined) as string[]
    const terminal = openTerminal({ isJson: flags['json'] === true })
    const isSetting = (name: string) => (settingNames as readonly string[]).includes(name)
    const config = readConfig({
      flags: Object.fromEntries(Object.entries(flags).filter(([name]) => isSetting(name))),
      env: process.env,
      dir: process.cwd(),
    })
    exitCode = await act({ config, env: process.env, terminal, signal: stopping.signal, flags }, ...args)
  })
}

/** The named settings as far as they were given as flags; null for the others. */
function typed<N extends SettingName>({ config, flags }: Invocation, names: readonly N[]): Pick<Config, N> {
  const entries = names.map((name) => [name, flags[name] === undefined ? null : config[name]])
  return Object.fromEntries(entries) as Pick<Config, N>
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number.')
  return Number(text)
}

function score(text: string): number {
  if (!/^(0(\.\d+)?|1(\.0+)?)$/.test(text)) throw new InvalidArgumentError('expected a number from 0 to 1.')
  return Number(text)
}

/** Runs a command line and returns its exit code. */
async function main(argv: string[]): Promise<number> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping.signal.aborted) process.exit(EXIT.failed)
      stopping.abort()
    })
  }
  try {
    await program.parseAsync(argv)
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ended : EXIT.badInput
    process.stderr.write(`prchain: ${(error as Error).message}\n`)
    if (error instanceof InputError || error instanceof ConfigError) return EXIT.badInput
    return EXIT.failed
  }
}

process.exit(await main(process.argv))

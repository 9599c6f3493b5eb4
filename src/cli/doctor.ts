import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { findTemporal } from '../../temporal/binary.ts'
import { composeGitHub, storeDir } from '../compose.ts'
import { hasRealModel } from '../composeModel.ts'
import { readHost, type Config } from '../config.ts'
import { checkEnvironment, type TryEnvironment } from './doctorEnvironment.ts'
import { checkGateway } from './doctorGateway.ts'
import { checkSandboxes } from './doctorSandboxes.ts'
import { checkScaffolds } from './doctorScaffolds.ts'
import { checkSiiCli } from './operatorScaffold.ts'
import { findServer, openSession } from './session.ts'
import { columns, EXIT, type Terminal } from './terminal.ts'

const runFile = promisify(execFile)

/** One thing that prchain needs or can use. `fix` is empty when it is as it should be. */
export interface Finding {
  what: string
  status: 'ok' | 'missing' | 'optional'
  found: string
  fix: string
}

/**
 * `prchain doctor`: what is here and how to fix what is not. With an environment it is checked too: that of a
 * repository is looked for at its head or at the commit `at`, built, and the tests run once. Changes nothing else.
 * Exit 1 when something needed is missing.
 */
export async function doctor(options: {
  config: Config
  terminal: Terminal
  signal: AbortSignal
  at: string | null
  testFiles: readonly string[]
  tryEnvironment: TryEnvironment
}): Promise<number> {
  const { config, terminal } = options
  const checked = await checkEnvironment(options)
  const findings: Finding[] = [
    checkNode(),
    await checkGit(),
    await checkTemporalCli(config),
    await checkTemporalServer(config),
    ...(await checkSandboxes(config)),
    ...(await checkGateway(config)),
    ...(await checkScaffolds()),
    await checkModel(config),
    await checkGitHub(config),
    await checkSiiCli(config),
    ...(checked === null ? [] : [checked.finding]),
    { what: 'store', status: 'ok', found: storeDir(config), fix: '' },
  ]
  const document = { format: 'prchain.doctor/1' as const, findings, environment: checked?.environment ?? null }
  terminal.emit(document)
  const mark = { ok: 'ok', missing: 'MISSING', optional: 'not here' }
  const rows = findings.map(({ what, status, found, fix }) => [what, mark[status], fix ? `${found}; ${fix}` : found])
  if (!terminal.isJson) {
    for (const line of columns(rows)) terminal.say(line)
    for (const line of checked?.lines ?? []) terminal.say(line)
  }
  return findings.some((finding) => finding.status === 'missing') ? EXIT.failed : EXIT.ended
}

function checkNode(): Finding {
  const isNew = Number(process.versions.node.split('.')[0]) >= 24
  return {
    what: 'Node',
    status: isNew ? 'ok' : 'missing',
    found: process.version,
    fix: isNew ? '' : 'Node 24 or newer is needed: run through npm, which brings it',
  }
}

async function checkGit(): Promise<Finding> {
  try {
    const { stdout } = await runFile('git', ['--version'])
    const version = stdout.trim().replace('git version ', '')
    const [major = 0, minor = 0] = version.split('.').map(Number)
    const isNew = major > 2 || (major === 2 && minor >= 38)
    return {
      what: 'git',
      status: isNew ? 'ok' : 'missing',
      found: version,
      fix: isNew ? '' : 'git 2.38 or newer is needed for merges of trees',
    }
  } catch {
    return { what: 'git', status: 'missing', found: 'not found', fix: 'install git 2.38 or newer' }
  }
}

async function checkTemporalCli(config: Config): Promise<Finding> {
  const host = readHost()
  try {
    const found = await findTemporal({
      configured: config.temporalCli,
      path: host.path,
      cacheDir: host.cacheDir,
      onProgress: () => {},
      allowInstall: false,
    })
    return { what: 'Temporal CLI', status: 'ok', found: `${found.version} (${found.source})`, fix: '' }
  } catch (error) {
    if (config.temporalCli !== null) {
      return { what: 'Temporal CLI', status: 'missing', found: (error as Error).message, fix: '' }
    }
    return {
      what: 'Temporal CLI',
      status: 'optional',
      found: 'none found',
      fix: 'prchain demo and prchain up install it when they need it',
    }
  }
}

async function checkTemporalServer(config: Config): Promise<Finding> {
  const what = 'Temporal server'
  const server = await findServer(config).catch(() => null)
  if (config.temporalAddress === null && server === null) {
    return {
      what,
      status: 'optional',
      found: 'none named and none running',
      fix: '`prchain up` starts one; TEMPORAL_ADDRESS names another',
    }
  }
  try {
    const session = await openSession(config)
    await session.close()
    return { what, status: 'ok', found: `${session.address}${session.uiUrl ? `, UI ${session.uiUrl}` : ''}`, fix: '' }
  } catch (error) {
    return { what, status: 'missing', found: (error as Error).message, fix: '' }
  }
}

async function checkModel(config: Config): Promise<Finding> {
  const what = 'model endpoint'
  if (!hasRealModel(config)) {
    return {
      what,
      status: 'optional',
      found: 'none named: the scripted model plays, a stand-in',
      fix: 'set OPENAI_BASE_URL and OPENAI_API_KEY for a real one',
    }
  }
  const url = `${(config.openaiBaseUrl ?? 'https://api.openai.com/v1').replace(/\/$/, '')}/models`
  try {
    const answer = await fetch(url, {
      headers: { authorization: `Bearer ${config.openaiApiKey ?? 'none'}` },
      signal: AbortSignal.timeout(10_000),
    })
    if (answer.ok) return { what, status: 'ok', found: url, fix: '' }
    return {
      what,
      status: 'missing',
      found: `${url} answers ${answer.status}`,
      fix: answer.status === 401 ? 'check OPENAI_API_KEY' : 'check OPENAI_BASE_URL',
    }
  } catch (error) {
    return { what, status: 'missing', found: `${url}: ${(error as Error).message}`, fix: 'check OPENAI_BASE_URL' }
  }
}

async function checkGitHub(config: Config): Promise<Finding> {
  const what = 'GitHub'
  const token = config.githubToken === null ? 'no token' : 'a token'
  try {
    const { limit, remaining, resetsAt } = await composeGitHub(config).rateLimit()
    const fix = config.githubToken === null ? 'set GITHUB_TOKEN: mining without one is slow' : ''
    return {
      what,
      status: 'ok',
      found: `${config.githubApiUrl}, ${token}, ${remaining} of ${limit} calls left until ${resetsAt}`,
      fix,
    }
  } catch (error) {
    return {
      what,
      status: 'optional',
      found: `${config.githubApiUrl}, ${token}: ${(error as Error).message.split(';')[0]}`,
      fix: 'check the network and GITHUB_API_URL; mining needs it, chains that are in the store do not',
    }
  }
}

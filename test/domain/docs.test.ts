import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { flagOf, helpOf, isSecret, readConfig, settingNames } from '../../src/config.ts'
import { PARKING_TYPES } from '../../src/domain/failure.ts'
import * as budgets from '../../src/formats/budget.ts'
import { campaign, campaignPlan } from '../../src/formats/campaign.ts'
import { chain, chainImport } from '../../src/formats/chain.ts'
import { environment } from '../../src/formats/environment.ts'
import * as exchanges from '../../src/formats/exchange.ts'
import * as outputs from '../../src/formats/output.ts'
import * as states from '../../src/formats/state.ts'
import * as minings from '../../src/formats/mining.ts'
import { issueThread, pullRequest } from '../../src/formats/pullRequest.ts'
import { prices } from '../../src/formats/price.ts'
import * as records from '../../src/formats/record.ts'
import * as carryOvers from '../../src/formats/carryOver.ts'
import * as rollouts from '../../src/formats/rollout.ts'
import { sample } from '../../src/formats/sample.ts'
import * as trajectories from '../../src/formats/trajectory.ts'
import { MOST_RESTARTS } from '../../src/workflows/messages.ts'
import { BRIEF, HEARTBEATING, PARK_LADDER } from '../../src/workflows/retry.ts'
import { serverFile } from '../../temporal/serverFile.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

/** Every format with a page: its schema. */
const SCHEMAS: Record<string, z.ZodType> = {
  'prchain.environment/1': environment,
  'prchain.environment-result/1': rollouts.environmentResult,
  'prchain.pull-request/1': pullRequest,
  'prchain.chain/1': chain,
  'prchain.issue/1': issueThread,
  'prchain.page/1': minings.pageRecord,
  'prchain.gathering/1': minings.gathering,
  'prchain.mining-claim/1': minings.miningClaim,
  'prchain.mining/2': minings.mining,
  'prchain.git-evidence/1': minings.gitEvidence,
  'prchain.link-judge/1': minings.linkJudge,
  'prchain.campaign/1': campaign,
  'prchain.campaign-plan/1': campaignPlan,
  'prchain.queries/1': rollouts.queries,
  'prchain.stage-environment/1': rollouts.stageEnvironmentRecord,
  'prchain.rebase/1': carryOvers.rebase,
  'prchain.rebase-check/1': carryOvers.rebaseCheck,
  'prchain.stage/1': rollouts.stageState,
  'prchain.call/1': records.callRecord,
  'prchain.command/1': records.commandRecord,
  'prchain.grant/1': exchanges.grant,
  'prchain.revocation/1': exchanges.revocation,
  'prchain.exchange/1': exchanges.exchangeRecord,
  'prchain.answer/1': exchanges.answerRecord,
  'prchain.hold/1': exchanges.holdEntry,
  'prchain.ceilings/1': budgets.ceilingsEntry,
  'prchain.day-ceiling/1': budgets.dayCeilingEntry,
  'prchain.account/1': budgets.accountEntry,
  'prchain.pace/1': budgets.paceEntry,
  'prchain.halt/1': exchanges.haltRecord,
  'prchain.launch/1': exchanges.launchRecord,
  'prchain.abandonment/1': exchanges.abandonmentRecord,
  'prchain.life/1': records.lifeRecord,
  'prchain.checkpoint/1': records.checkpointRecord,
  'prchain.fence/1': records.fenceRecord,
  'prchain.store/1': records.storeRecord,
  'prchain.gateway/1': records.gatewayRecord,
  'prchain.round-end/1': records.roundEndRecord,
  'prchain.sample-reference/1': records.sampleReferenceRecord,
  'prchain.capture/1': rollouts.capture,
  'prchain.round-tests/1': rollouts.roundTests,
  'prchain.verdict/1': rollouts.verdict,
  'prchain.stage-result/1': rollouts.stageResult,
  'prchain.rollout/1': rollouts.rollout,
  'prchain.sample/2': sample,
  'prchain.imported-trajectory/1': trajectories.importedTrajectory,
  'prchain.import-reference/1': trajectories.importReferenceRecord,
  'prchain.prices/1': prices,
  'prchain.server/1': serverFile,
}

/** Pages whose documents are too long for an example; one that they have all the same is checked. */
const BY_TABLE_ALONE = ['docs/formats/chain.md', 'docs/formats/pull-request.md']
const pageOf = (format: string) => `docs/formats/${format.replace(/^prchain\.|\/\d+$/g, '')}.md`

interface Example {
  page: string
  format: string
  value: Record<string, unknown>
}

/** The JSON blocks of a page that are documents of a format: those whose first field is `format`. */
function examplesOf(page: string): Example[] {
  const blocks = [...read(page).matchAll(/^ *```json\n([\s\S]*?)^ *```/gm)].map((block) => block[1]!)
  return blocks
    .filter((block) => /^\s*\{\s*"format":/.test(block))
    .map((block) => {
      const value = JSON.parse(block) as Record<string, unknown>
      return { page, format: String(value['format']), value }
    })
}

const pages = readdirSync(join(ROOT, 'docs/formats'))
  .filter((name) => name !== 'README.md')
  .map((name) => `docs/formats/${name}`)
const examples = [...pages, 'docs/formats/README.md', 'docs/temporal.md'].flatMap(examplesOf)

/** Files of a folder, below `src` without its folders. */
const filesOf = (folder: string) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))

/** All pages. */
const textsOf = () => ['README.md', 'ARCHITECTURE.md', ...filesOf('docs').filter((path) => path.endsWith('.md'))]

type Shape = Record<string, z.ZodType>

/** Every form of every `--json` output: those that differ by status are a form each. */
const OUTPUTS = Object.values(outputs)
  .filter((schema) => schema !== outputs.output)
  .flatMap((schema) => ('options' in schema ? [...schema.options] : [schema]) as unknown as z.ZodObject[])
  .map((schema) => {
    const shape = schema.shape as Shape
    const valueOf = (field: string) => (shape[field] as z.ZodLiteral<string>).value
    const hasForms = shape['status'] !== undefined && 'value' in shape['status']
    return { schema, shape, format: valueOf('format'), status: hasForms ? valueOf('status') : '' }
  })

/** What stands on a page from a heading, or a text, to the next heading. */
function sectionOf(told: string, from: string, what: string): string {
  const section = told.split(from)[1]?.split('\n## ')[0]
  expect(section, what).toBeDefined()
  return section!
}

/** The fields within the fields of a shape, through lists and nulls. What has a page or a table of its own is left out. */
function innerOf(shape: Shape): { field: string; inner: string }[] {
  return Object.entries(shape).flatMap(([field, schema]) => {
    let within = schema as z.ZodType & { element?: z.ZodType; unwrap?: () => z.ZodType; shape?: Shape }
    while (within.shape === undefined && (within.element ?? within.unwrap))
      within = (within.element ?? within.unwrap!()) as typeof within
    const isElsewhere = ([states.chainState, states.campaignState] as z.ZodType[]).includes(within)
    if (within.shape === undefined || isElsewhere || 'format' in within.shape) return []
    return Object.keys(within.shape).map((inner) => ({ field, inner }))
  })
}

/** Whether a field within a field is told: in a row of its own, or in its field's row as part of the type. */
function isTold(section: string, { field, inner }: { field: string; inner: string }): boolean {
  if (section.includes(`\`${field}[].${inner}\``) || section.includes(`\`${field}.${inner}\``)) return true
  const row = section
    .split('\n')
    .find((line) => line.startsWith(`| \`${field}\` |`) || line.startsWith(`| \`${field}[]\` |`))
  const type = row?.split(' | ')[1] ?? ''
  return new RegExp(`[{ ]${inner}\\b`).test(type) || type.includes('as in `prchain.')
}

describe('the pages of formats', () => {
  test.each(examples.map((example) => [`${example.format} of ${example.page}`, example] as const))(
    '%s is an example that validates',
    (_, example) => {
      const schema = SCHEMAS[example.format]
      expect(schema, `no schema is known for ${example.format}`).toBeDefined()
      expect(schema!.safeParse(example.value).error?.issues ?? []).toEqual([])
    },
  )

  test.each(examples.map((example) => [`${example.format} of ${example.page}`, example] as const))(
    '%s has no field that its schema does not know',
    (_, { format, value }) => {
      const known = SCHEMAS[format]!.parse(value) as Record<string, unknown>
      expect(known).toMatchObject(value)
    },
  )

  test.each(pages.filter((page) => !BY_TABLE_ALONE.includes(page)))('%s has an example', (page) => {
    expect(examplesOf(page)).not.toEqual([])
  })

  test('every format with a schema has an example, and the index names it', () => {
    const kept = filesOf('src/formats').filter((path) => !path.endsWith('output.ts'))
    const literals = [...kept, 'temporal/serverFile.ts'].flatMap((path) =>
      [...read(path).matchAll(/z\.literal\('(prchain\.[^']+)'\)/g)].map((match) => match[1]!),
    )
    expect(literals.sort()).toEqual(Object.keys(SCHEMAS).sort())
    const shown = new Set(examples.map((example) => example.format))
    const due = Object.keys(SCHEMAS).filter((format) => !BY_TABLE_ALONE.includes(pageOf(format)))
    expect(due.filter((format) => !shown.has(format))).toEqual([])
    for (const format of literals) expect(read('docs/formats/README.md')).toContain(`\`${format}\``)
  })

  test('every format that the code writes is on the index or among the outputs', () => {
    const written = filesOf('src')
      .filter((path) => path.endsWith('.ts'))
      .flatMap((path) => [...read(path).matchAll(/format: '(prchain\.[^']+)'/g)].map((match) => match[1]!))
    const told = read('docs/formats/README.md') + read('docs/json-output.md')
    expect([...new Set(written)].filter((format) => !told.includes(format))).toEqual([])
  })
})

test('every --json output has its section', () => {
  const told = read('docs/json-output.md')
  const formats = filesOf('src/cli').flatMap((path) =>
    [...read(path).matchAll(/format: '(prchain\.[^']+)'/g)].map((match) => match[1]!),
  )
  const own = [...new Set(formats)].filter((format) => !(format in SCHEMAS))
  expect(own.length).toBeGreaterThan(5)
  expect(own.filter((format) => !told.includes(`## ${format}\n`))).toEqual([])
})

test('every --json output has a schema, and each of its fields is told in its section', () => {
  const told = read('docs/json-output.md')
  for (const { format, shape } of OUTPUTS) {
    const section = sectionOf(told, `## ${format}\n`, format)
    const fields = Object.keys(shape).filter((field) => field !== 'format')
    expect(
      fields.filter((field) => !section.includes(`\`${field}`)),
      format,
    ).toEqual([])
    expect(innerOf(shape).filter((inner) => !isTold(section, inner))).toEqual([])
  }
})

test.each([
  ['A chain state (', states.chainState],
  ['A campaign state (', states.campaignState],
] as const)('%s…: each of its fields is told, and those within them', (heading, { shape }) => {
  const section = sectionOf(read('docs/json-output.md'), heading, heading)
  expect(Object.keys(shape).filter((field) => !section.includes(`\`${field}`))).toEqual([])
  expect(innerOf(shape).filter((inner) => !isTold(section, inner))).toEqual([])
})

test('every --json output, in each of its forms, has an example, which validates and has no unknown field', () => {
  const given = examplesOf('docs/json-output.md')
  const forms = OUTPUTS.map(({ format, status }) => `${format} ${status}`)
  const shown = given.map(({ format, value }) => {
    const form = OUTPUTS.find((one) => one.format === format && (one.status === '' || one.status === value['status']))
    expect(form, `${format}, ${String(value['status'])}: no output has this form`).toBeDefined()
    const parsed = form!.schema.safeParse(value)
    expect(parsed.error?.issues ?? [], format).toEqual([])
    expect(parsed.data, format).toMatchObject(value)
    return `${format} ${form!.status}`
  })
  expect([...new Set(shown)].sort()).toEqual(forms.toSorted())
})

test('bounds and waits are told as the code has them', () => {
  const bound = (path: string, name: string) => Number(new RegExp(`const ${name} = (\\d+)`).exec(read(path))?.[1])
  const json = read('docs/json-output.md')
  expect(json).toContain(`at most the first ${bound('src/activities/linkChains.ts', 'CHAINS_SHOWN')}`)
  const ledger = 'src/workflows/campaignLedger.ts'
  const longest = bound(ledger, 'LONGEST_LINE')
  expect(json).toContain(`at most ${bound(ledger, 'SHOWN')}; reasons are cut at ${longest} characters`)
  expect(json).toContain(`at most the latest ${bound(ledger, 'NEWS_KEPT')}, of at most ${longest} characters`)
  const endings = read('docs/endings.md')
  const wait = (text: string) => text.replace(/[a-z]/, ' $&').replace(/m$/, 'min')
  const [last, ...ladder] = PARK_LADDER.map(wait).toReversed()
  expect(endings).toContain(`waits ${ladder.toReversed().join(', ')}, then ${last} each time`)
  expect(endings).toContain(`those of a campaign and of the schedule ${wait(String(BRIEF.startToCloseTimeout))};`)
  expect(endings).toContain(`those of a rollout or a mining ${wait(String(HEARTBEATING.startToCloseTimeout))}:`)
  expect(endings).toContain(`heartbeat for ${wait(String(HEARTBEATING.heartbeatTimeout))} `)
  expect(MOST_RESTARTS).toBe(3)
  expect(endings).toContain('the schedule starts it again, at most three times')
  const lookUps = /const LOOK_UP_EVERY = '(\w+)'/.exec(read('src/workflows/campaign.ts'))?.[1]
  expect(endings).toContain(`looks every ${wait(String(lookUps))} how the chain stands`)
  const stuckMs = Number(/const STUCK_MS = ([\d_]+)/.exec(read('src/cli/follow.ts'))?.[1]?.replace('_', ''))
  expect(endings).toContain(`parked for ${stuckMs / 1_000} s`)
})

describe('ARCHITECTURE.md', () => {
  const rows = [...read('ARCHITECTURE.md').matchAll(/^\| (\d+) \| .* \| (.*) \|$/gm)].map(
    (row) => [Number(row[1]), row[2]!] as const,
  )

  test('has a row for each of the ten invariants', () => {
    expect(rows.map(([number]) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  test.each(rows)('names for invariant %i tests that are there, by file and title', (_, cell) => {
    const files = [...cell.matchAll(/`(test\/[^`]+)` \(([^)]*)\)/g)]
    expect(files).not.toEqual([])
    expect(cell.replaceAll(/`test\/[^`]+` \([^)]*\)/g, '').replaceAll(', ', '')).toBe('')
    for (const [, path, names] of files) {
      const source = read(path!)
      const titles = [...names!.matchAll(/"([^"]+)"/g)].map((title) => title[1]!)
      expect(titles).not.toEqual([])
      const isThere = (title: string) => ["'", '`'].some((quote) => source.includes(`(${quote}${title}`))
      expect(
        titles.filter((title) => !isThere(title) && !source.includes(`)('${title}`)),
        path,
      ).toEqual([])
    }
  })
})

test('every command and flag of the pages is one', () => {
  const client = read('src/client.ts') + read('src/cli/settingGroups.ts')
  const verbs = [...client.matchAll(/\b(?:verb|command)\(\s*'(\w+)/g)].map((verb) => verb[1]!)
  expect(verbs.length).toBeGreaterThan(10)
  const flags = new Set([
    ...settingNames.filter((name) => !isSecret(name) && client.includes(`'${name}'`)).map(flagOf),
    ...[...client.matchAll(/(?:\.option|new Option)\(\s*'(--[\w-]+)/g)].map((option) => option[1]!),
    '--help',
  ])
  const unknown = textsOf().flatMap((page) => {
    const text = read(page)
    const spans = [...text.matchAll(/`([^`\n]+)`/g)].map((span) => span[1]!)
    const commands = [...spans, ...text.split('\n').filter((line) => line.startsWith('    '))]
      .map((line) => line.replace(/ #.*$/, ''))
      .filter((line) => /^\s*(npx )?prchain [a-z]/.test(line) || /^--[a-z]/.test(line))
    return commands.flatMap((command) => {
      const verb = /prchain ([a-z]+)/.exec(command)?.[1]
      const wrong = [...command.matchAll(/(?<=^|[\s[])--[a-z][\w-]*/g)]
        .map((flag) => flag[0])
        .filter((flag) => !flags.has(flag))
      if (verb !== undefined && !verbs.includes(verb)) wrong.push(verb)
      return wrong.map((what) => `${page}: ${what}`)
    })
  })
  expect(unknown).toEqual([])
})

test('every ending, of rollouts, rounds and tests, and every failure type is told', () => {
  const told = read('docs/endings.md')
  const types = [...read('src/activities/edge.ts').matchAll(/(?:fail\(|retry\(|type: )'(\w+)'/g)].map(
    (match) => match[1]!,
  )
  expect(types.length).toBeGreaterThan(8)
  const statuses = ['completed', 'timed-out', 'unreadable']
  const names = [...rollouts.ending.options, ...rollouts.roundEnding.options, ...PARKING_TYPES, ...types, ...statuses]
  expect(names.filter((name) => !told.includes(`\`${name}\``))).toEqual([])
  const parks = [...told.matchAll(/^\| `(\w+)` \|[^|]*\| parks/gm)].map((match) => match[1]!)
  expect(parks.sort()).toEqual(PARKING_TYPES.toSorted())
})

test('the files in examples are what their pages describe', () => {
  const files = readdirSync(join(ROOT, 'examples')).map((name) => `examples/${name}`)
  const environments = files.filter((path) => /environment[^/]*\.json$/.test(path))
  expect(environments).not.toEqual([])
  for (const path of environments)
    expect(environment.safeParse(JSON.parse(read(path))).error?.issues ?? [], path).toEqual([])
  for (const path of files.filter((name) => name.endsWith('.jsonl'))) {
    const lines = read(path).trim().split('\n')
    for (const line of lines) expect(chainImport.safeParse(JSON.parse(line)).error?.issues ?? [], path).toEqual([])
  }
})

describe('docs/settings.md', () => {
  const rows = [...read('docs/settings.md').matchAll(/^\| `(\w+)` \| (.+?) \| `(\w+)` \| (.+?) \|/gm)].map(
    (row) => row.slice(1) as [string, string, string, string],
  )

  test('lists the settings of src/config.ts, all and no others, in their order', () => {
    expect(rows.map(([name]) => name)).toEqual(settingNames)
  })

  test('gives each its variable, its flag and its default', () => {
    const defaults = readConfig({ flags: {}, env: {}, dir: mkdtempSync(join(tmpdir(), 'prchain-docs-')) })
    const client = read('src/client.ts') + read('src/cli/settingGroups.ts')
    for (const [index, name] of settingNames.entries()) {
      const [, flag, variable, initial] = rows[index]!
      expect(helpOf(name)).toContain(`(${variable})`)
      const isFlag = !isSecret(name) && client.includes(`'${name}'`)
      expect([name, flag]).toEqual([name, isFlag ? `\`${flagOf(name)}\`` : 'none'])
      const value = defaults[name]
      if (value !== null) expect([name, initial]).toEqual([name, `\`${String(value)}\``])
      else expect(initial).toMatch(/^(none|by preset .*)$/)
    }
  })
})

test('links between pages lead to files that are there', () => {
  const broken = textsOf().flatMap((page) =>
    [
      ...read(page)
        .replaceAll(/^ {4}.*$/gm, '')
        .matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g),
    ]
      .map((match) => match[1]!)
      .filter((target) => !/^https?:/.test(target) && !existsSync(join(ROOT, dirname(page), target)))
      .map((target) => `${page}: ${target}`),
  )
  expect(broken).toEqual([])
})

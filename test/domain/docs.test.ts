import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { flagOf, helpOf, isSecret, readConfig, settingNames } from '../../src/config.ts'
import { PARKING_TYPES } from '../../src/domain/failure.ts'
import { campaign, campaignPlan, mining } from '../../src/formats/campaign.ts'
import { chain, chainImport } from '../../src/formats/chain.ts'
import { environment } from '../../src/formats/environment.ts'
import * as outputs from '../../src/formats/output.ts'
import { pullRequest } from '../../src/formats/pullRequest.ts'
import * as records from '../../src/formats/record.ts'
import * as rollouts from '../../src/formats/rollout.ts'
import { sample } from '../../src/formats/sample.ts'
import { serverFile } from '../../temporal/serverFile.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

/** Every format with a page: its schema. */
const SCHEMAS: Record<string, z.ZodType> = {
  'prchain.environment/1': environment,
  'prchain.environment-result/1': rollouts.environmentResult,
  'prchain.pull-request/1': pullRequest,
  'prchain.chain/1': chain,
  'prchain.mining/1': mining,
  'prchain.campaign/1': campaign,
  'prchain.campaign-plan/1': campaignPlan,
  'prchain.queries/1': rollouts.queries,
  'prchain.stage/1': rollouts.stageState,
  'prchain.call/1': records.callRecord,
  'prchain.command/1': records.commandRecord,
  'prchain.life/1': records.lifeRecord,
  'prchain.fence/1': records.fenceRecord,
  'prchain.store/1': records.storeRecord,
  'prchain.gathered/1': records.gatheredRecord,
  'prchain.round-end/1': records.roundEndRecord,
  'prchain.sample-reference/1': records.sampleReferenceRecord,
  'prchain.capture/1': rollouts.capture,
  'prchain.round-tests/1': rollouts.roundTests,
  'prchain.verdict/1': rollouts.verdict,
  'prchain.stage-result/1': rollouts.stageResult,
  'prchain.rollout/1': rollouts.rollout,
  'prchain.sample/1': sample,
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
  const schemas = Object.values(outputs).filter((schema) => schema !== outputs.output)
  for (const schema of schemas) {
    const options = ('options' in schema ? schema.options : [schema]) as unknown as {
      shape: Record<string, z.ZodType>
    }[]
    for (const { shape } of options) {
      const format = (shape['format'] as z.ZodLiteral<string>).value
      const section = told.split(`## ${format}\n`)[1]?.split('\n## ')[0]
      expect(section, format).toBeDefined()
      const fields = Object.keys(shape).filter((field) => field !== 'format')
      expect(
        fields.filter((field) => !section!.includes(`\`${field}`)),
        format,
      ).toEqual([])
    }
  }
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
    const client = read('src/client.ts')
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
  const texts = ['README.md', 'ARCHITECTURE.md', ...filesOf('docs').filter((path) => path.endsWith('.md'))]
  const broken = texts.flatMap((page) =>
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

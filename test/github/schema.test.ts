import { schema as published } from '@octokit/graphql-schema'
import {
  buildSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isUnionType,
  parse,
  validate,
} from 'graphql'
import { expect, test } from 'vitest'
import { RECORDED_SCHEMA } from '../../src/github/recordedSchema.ts'
import { THREAD_PART_QUERIES, THREADS_QUERY } from '../../src/github/threads.ts'

// GitHub publishes a schema with fields that are defined twice, which a strict reading refuses.
const theirs = buildSchema(published.idl, { assumeValidSDL: true })
const ours = buildSchema(RECORDED_SCHEMA)
const own = Object.values(ours.getTypeMap()).filter(({ name }) => !name.startsWith('__'))

test("every field and argument of the loopback GitHub's schema is GitHub's own, of the same type", () => {
  const differences: string[] = []
  for (const type of own) {
    const their = theirs.getType(type.name)
    if (!their) differences.push(`${type.name} is not GitHub's`)
    if (!(isObjectType(type) || isInterfaceType(type) || isInputObjectType(type))) continue
    if (!their || !('getFields' in their)) continue
    for (const field of Object.values(type.getFields())) {
      const same = their.getFields()[field.name]
      if (String(same?.type) !== String(field.type))
        differences.push(`${type.name}.${field.name}: ${String(field.type)}`)
      if (!('args' in field) || !same || !('args' in same)) continue
      for (const { name, type: argument } of field.args) {
        const other = same.args.find((one) => one.name === name)
        if (String(other?.type) !== String(argument)) differences.push(`${type.name}.${field.name}(${name})`)
      }
    }
  }
  expect(differences).toEqual([])
})

test("every value of its enumerations and every member of its unions is GitHub's", () => {
  const named = own.flatMap((type) => {
    const their = theirs.getType(type.name)
    const known: string[] = []
    if (isEnumType(their)) known.push(...their.getValues().map(({ name }) => name))
    if (isUnionType(their)) known.push(...their.getTypes().map(({ name }) => name))
    const names = isEnumType(type) ? type.getValues() : isUnionType(type) ? type.getTypes() : []
    return names.map(({ name }) => ({ name: `${type.name}.${name}`, isTheirs: known.includes(name) }))
  })
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter(({ isTheirs }) => !isTheirs)).toEqual([])
})

test.each(Object.entries({ threads: THREADS_QUERY, ...THREAD_PART_QUERIES }))(
  "the query that is sent for %s is valid by GitHub's schema, and by the loopback GitHub's",
  (_, query) => {
    const document = parse(query)
    expect(validate(theirs, document)).toEqual([])
    expect(validate(ours, document)).toEqual([])
    expect(validate(theirs, parse(query.replace('number', 'numbr')))).not.toEqual([])
  },
)

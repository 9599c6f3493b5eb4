import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { listMasked, mapStrings } from '../../src/domain/masked.ts'
import { createSecrets, findMasks, maskOf, watchMasks } from '../../src/domain/redaction.ts'
import { redactReply } from '../../src/domain/redactReply.ts'
import { findShapes, maskShapes } from '../../src/domain/secretShapes.ts'
import { readWireReply } from '../../src/domain/wireReply.ts'
import type { ReplyPart } from '../../src/model/port.ts'

const KEY = 'sk-proj-4f1c9a7e2b8d'
const TOKEN = 'sk-pages-8d3e"6b\n0f5a'
const secrets = createSecrets({ openaiApiKey: KEY, githubToken: TOKEN, short: 'abc', none: null })
/** Texts in which secrets, their beginnings and masks stand between other things. */
const texts = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.string({ maxLength: 12 }) },
      fc.constantFrom(KEY, TOKEN, KEY.slice(0, 9), KEY.slice(5), 'sk-', 's', maskOf('openaiApiKey'), '[secret:'),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''))

/** The string that a range points to. */
function resolve(value: unknown, pointer: string, part: string): string {
  const names = pointer
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (part === 'name') return names.at(-1)!
  return names.reduce((at, name) => (at as Record<string, unknown>)[name], value) as string
}

describe('the ranges of what was masked', () => {
  test('point exactly at masks, in any JSON value, and leave none out', () => {
    const values = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        texts,
        fc.integer(),
        fc.constant(null),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.oneof(texts, fc.constantFrom('a/b', 'c~d')), tie('value'), { maxKeys: 4 }),
      ),
    })).value
    fc.assert(
      fc.property(values, (value) => {
        const masked = mapStrings(value, secrets.redact)
        const ranges = listMasked(masked)
        for (const { pointer, part, from, to, kind } of ranges)
          expect(resolve(masked, pointer, part).slice(from, to)).toBe(maskOf(kind))
        const text = JSON.stringify(masked)
        expect(text.includes(KEY) || text.includes(JSON.stringify(TOKEN).slice(1, -1))).toBe(false)
        expect(ranges).toHaveLength(findMasks(text).length)
      }),
    )
  })

  test('are told of a stream, counted in bytes, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(texts, { maxLength: 30 }), fc.integer({ min: 1, max: 40 }), async (parts, size) => {
        const bytes = Buffer.from(secrets.redact(parts.join('—')))
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
          bytes.subarray(n * size, (n + 1) * size),
        )
        const told: unknown[] = []
        const out: Uint8Array[] = []
        for await (const chunk of watchMasks(from(chunks), (found) => told.push(found))) out.push(chunk)
        expect(Buffer.concat(out).equals(bytes)).toBe(true)
        expect(told).toEqual(findMasks(bytes.toString('latin1')))
      }),
    )
  })

  test('name the setting, and values that are too short or not set are no secrets', () => {
    expect(secrets.redact(`abc ${KEY}${TOKEN}`)).toBe('abc [secret:openaiApiKey][secret:githubToken]')
    expect(secrets.redact(JSON.stringify({ a: TOKEN }))).toBe('{"a":"[secret:githubToken]"}')
    expect(createSecrets({}).redact(KEY)).toBe(KEY)
    // The longer one of two that begin alike.
    expect(createSecrets({ a: 'sk-12345', b: 'sk-1234567' }).redact('sk-1234567')).toBe('[secret:b]')
  })
})

describe('a reply as it comes', () => {
  const chunk = (delta: unknown, finish: string | null = null) =>
    `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
  const END = [chunk({}, 'stop'), 'data: [DONE]\n\n']

  test('has no secret in it, whole or cut by its events, and what it adds up to is masked as one text would be', async () => {
    const pieces = (text: string) =>
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 }).map((sizes) => {
        const cut: string[] = []
        for (let [at, n] = [0, 0]; at < text.length; at += sizes[n++ % sizes.length]!)
          cut.push(text.slice(at, at + sizes[n % sizes.length]!))
        return cut
      })
    const streams = fc.tuple(texts, texts, texts).chain((all) => fc.tuple(...all.map(pieces)))
    await fc.assert(
      fc.asyncProperty(streams, fc.boolean(), async ([content = [], reasoning = [], args = []], isMixed) => {
        const call = (text: string) => ({ tool_calls: [{ index: 1, id: 'a', function: { arguments: text } }] })
        const events = isMixed
          ? Array.from({ length: Math.max(content.length, reasoning.length, args.length) }, (_, n) => [
              ...(reasoning[n] === undefined ? [] : [{ reasoning_content: reasoning[n] }]),
              ...(content[n] === undefined ? [] : [{ content: content[n] }]),
              ...(args[n] === undefined ? [] : [call(args[n])]),
            ]).flat()
          : [
              ...reasoning.map((text) => ({ reasoning_content: text })),
              ...content.map((text) => ({ content: text })),
              ...args.map(call),
            ]
        const sent = [...events.map((delta) => chunk(delta)), ...END]
        const got = await collect(sent.map((text) => ({ text, isClosing: false })))
        const reply = readWireReply('text/event-stream', got.map(({ text }) => text).join(''))
        if ('fault' in reply) throw new Error(reply.fault)
        const { message } = reply
        expect(message.content ?? '').toBe(secrets.redact(content.join('')))
        expect(message['reasoning_content'] ?? '').toBe(secrets.redact(reasoning.join('')))
        const calls = (message['tool_calls'] ?? []) as { function: { arguments: string } }[]
        expect(calls[0]?.function.arguments ?? '').toBe(secrets.redact(args.join('')))
      }),
      { numRuns: 300 },
    )
  })

  test('keeps every byte of events without a secret, comments and unknown members included', async () => {
    const sent = [
      ': waiting\n\n',
      'event: x\r\ndata: {"a": 1}\r\n\r\n',
      chunk({ content: 'hi ', odd: { n: 1 } }),
      ...END,
    ]
    expect((await collect(sent.map((text) => ({ text, isClosing: false })))).map(({ text }) => text)).toEqual(sent)
  })

  test('is held back only while its end may be the beginning of a secret', async () => {
    const seen: string[] = []
    const sent = ['see ', 'sk-', 'proj-', 'x ', 'on'].map((content) => chunk({ content }))
    async function* come(): AsyncGenerator<ReplyPart> {
      for (const text of sent) {
        seen.push(`in ${text.slice(68, 74)}`)
        yield { text, isClosing: false }
      }
    }
    const order: number[] = []
    for await (const { text } of redactReply(come(), secrets)) order.push(seen.length * 10 + sent.indexOf(text))
    // What came in by then, and which event went out.
    expect(order).toEqual([10, 41, 42, 43, 54])
  })

  test('has a long secret masked that comes by a character an event', async () => {
    const long = `sk-proj-${Array.from({ length: 80 }, (_, n) => n + 10).join('')}`
    const sent = `key: ${long}.`.split('').map((content) => ({ text: chunk({ content }), isClosing: false }))
    let text = ''
    for await (const part of redactReply(from(sent), createSecrets({ openaiApiKey: long }))) text += part.text
    expect(readWireReply('text/event-stream', text + END.join(''))).toMatchObject({
      message: { content: 'key: [secret:openaiApiKey].' },
    })
  })

  test('that is not streamed is masked as a whole', async () => {
    const [only] = await collect([
      { text: JSON.stringify({ choices: [{ message: { content: TOKEN } }] }), isClosing: true },
    ])
    expect(only!.text).toBe('{"choices":[{"message":{"content":"[secret:githubToken]"}}]}')
  })

  async function collect(parts: ReplyPart[]): Promise<ReplyPart[]> {
    const got: ReplyPart[] = []
    for await (const part of redactReply(from(parts), secrets)) got.push(part)
    return got
  }
})

describe('the shapes of secrets', () => {
  const body = (n: number) => 'aB3dE5gH7jK9mN1pQ2rS4tU6vW8xYz0cF'.repeat(9).slice(0, n)
  const lines = (n: number) => Array.from({ length: n }, () => body(64)).join('\n')
  const pem = `-----BEGIN RSA PRIVATE KEY-----\n${lines(5)}\n-----END RSA PRIVATE KEY-----`

  test.each([
    ['github-token', `ghp_${body(36)}`],
    ['github-token', `github_pat_${body(22)}_${body(59)}`],
    ['gitlab-token', `glpat-${body(20)}`],
    ['openai-key', `sk-proj-${body(74)}T3BlbkFJ${body(74)}`],
    ['openai-key', `sk-${body(20)}T3BlbkFJ${body(20)}`],
    ['anthropic-key', `sk-ant-api03-${body(93)}AA`],
    ['aws-key-id', 'AKIAQ3EGTUV5XZ7WBCDF'],
    ['google-key', `AIza${body(35)}`],
    ['slack-token', `xoxb-283746501928-374650192837-${body(24)}`],
    ['stripe-key', `sk_live_${body(24)}`],
    ['npm-token', `npm_${body(36)}`],
    ['pypi-token', `pypi-AgEIcHlwaS5vcmc${body(120)}`],
    ['huggingface-token', `hf_${'aBcDeFgHiJkLmNoPqRsTuVwXyZ'.repeat(2).slice(0, 34)}`],
    ['gateway-token', `prchain-${'90817263f5e4d3c2'.repeat(3)}`],
    ['private-key', pem],
    ['private-key', pem.replaceAll('\n', '\\n')],
    ['private-key', pem.replaceAll(/^/gm, '+')],
    ['private-key', pem.replaceAll('RSA PRIVATE KEY', 'PGP PRIVATE KEY BLOCK')],
    ['private-key', pem.slice(0, 200)],
  ])('%s is found where it stands, and nothing beside it', (kind, token) => {
    const isLined = token.startsWith('+')
    const text = `export A="${token}"; next`
    const [found, ...more] = findShapes(text)
    expect(more).toEqual([])
    expect(found!.kind).toBe(kind)
    expect(text.slice(found!.from, found!.to)).toBe(isLined ? token.slice(1) : token)
    expect(findShapes(maskShapes(text))).toEqual([])
  })

  test.each([
    ['a line break', '\n'],
    ['a tab', '\t'],
    ['a character that is no letter', '\u0001'],
    ['a colour', '\u001b[01;31m\u001b[K'],
  ])(
    'are found after %s, and where that is written as JSON, once and twice, as some scaffolds show outputs',
    (_, before) => {
      const text = `export A=${before}ghp_${body(36)}\n`
      const masked = `export A=${before}[secret:github-token]\n`
      expect(maskShapes(text)).toBe(masked)
      expect(maskShapes(JSON.stringify(text))).toBe(JSON.stringify(masked))
      expect(maskShapes(JSON.stringify(JSON.stringify(text)))).toBe(JSON.stringify(JSON.stringify(masked)))
    },
  )

  test('an AWS secret is found by the name that it is given', () => {
    for (const name of ['aws_secret_access_key = ', '"aws_secret_access_key": "']) {
      const [text, masked] = [`${name}${body(40)}\n`, `${name}[secret:aws-secret-key]\n`]
      expect(maskShapes(text)).toBe(masked)
      expect(maskShapes(JSON.stringify(text))).toBe(JSON.stringify(masked))
    }
  })

  test.each([
    ['hashes and ids', `${'a1b2c3d4'.repeat(5)} sha256:${'0f'.repeat(32)} 550e8400-e29b-41d4-a716-446655440000`],
    ['placeholders', `ghp_${'x'.repeat(36)} AKIAIOSFODNN7EXAMPLE sk-your-key-here sk_live_${'0'.repeat(24)}`],
    ['what AWS shows in its own pages', 'aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'],
    [
      'code that reads keys',
      `BEGIN = '-----BEGIN RSA PRIVATE KEY-----'\nEND = "-----END RSA PRIVATE KEY-----"\n${lines(0)}`,
    ],
    ['public keys and certificates', pem.replaceAll('RSA PRIVATE KEY', 'CERTIFICATE')],
    [
      'names that begin alike',
      'npm_config_registry npm_package_version hf_hub_download sk-learn prchain-gateway xoxb-test',
    ],
    ['an integrity of a lock file', `sha512-${body(86)}==`],
    ['base64 of a picture', `data:image/png;base64,${lines(20)}`],
    ['a test key of Stripe', `sk_test_${body(24)}`],
  ])('%s are none', (_, text) => {
    expect(findShapes(text)).toEqual([])
  })
})

async function* from<T>(values: readonly T[]): AsyncGenerator<T> {
  for (const value of values) yield value
}

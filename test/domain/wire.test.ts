import { describe, expect, test } from 'vitest'
import { isClosingEvent, readWireReply } from '../../src/domain/wireReply.ts'
import { countPrefix, digestMessages, digestOfWireRequest } from '../../src/domain/wireRequest.ts'
import { traceExchanges, type Segment } from '../../src/domain/wireTrace.ts'
import { findScaffold } from '../../src/scaffolds/index.ts'

const event = (body: unknown) => `data: ${JSON.stringify(body)}\n\n`
const chunk = (delta: unknown, finish: string | null = null) =>
  event({ id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })

describe('a reply', () => {
  test('that is streamed is read with its reasoning, its parallel tool calls and its usage', () => {
    const text = [
      chunk({ role: 'assistant', content: '' }),
      chunk({ reasoning_content: 'Thi' }),
      chunk({ reasoning_content: 'nk' }),
      chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: 'bash', arguments: '{"c' } }] }),
      chunk({ tool_calls: [{ index: 1, id: 'b', function: { name: 'view', arguments: '{}' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '":1}' } }] }),
      chunk({}, 'tool_calls'),
      event({
        choices: [],
        usage: { prompt_tokens: 7, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 3 } },
      }),
      'data: [DONE]\n\n',
    ].join('')
    expect(readWireReply('text/event-stream; charset=utf-8', text)).toEqual({
      id: 'c',
      model: 'm',
      message: {
        role: 'assistant',
        content: '',
        reasoning_content: 'Think',
        tool_calls: [
          { id: 'a', type: 'function', function: { name: 'bash', arguments: '{"c":1}' } },
          { id: 'b', type: 'function', function: { name: 'view', arguments: '{}' } },
        ],
      },
      finishReason: 'tool_calls',
      usage: { promptTokens: 7, completionTokens: 2, cachedTokens: 3 },
    })
  })

  test('that ends too early, or is none, says so', () => {
    const stream = 'text/event-stream'
    expect(readWireReply(stream, chunk({ content: 'half' }))).toMatchObject({ kind: 'cut' })
    expect(readWireReply(stream, `${chunk({ content: 'a' })}data: {"id":`)).toMatchObject({ kind: 'cut' })
    expect(readWireReply(stream, event({ error: { message: 'overloaded' } }))).toMatchObject({ kind: 'cut' })
    // As some providers write that there is no reason yet.
    expect(readWireReply(stream, chunk({ content: 'half' }, ''))).toMatchObject({ kind: 'cut' })
    expect(readWireReply('application/json', '<html>')).toMatchObject({ kind: 'malformed' })
    expect(readWireReply('application/json', '{"choices":[]}')).toMatchObject({ kind: 'malformed' })
  })

  test('ends with the event that has its finish reason', () => {
    expect(isClosingEvent(chunk({ content: 'x' }))).toBe(false)
    expect(isClosingEvent(chunk({ content: 'x' }, ''))).toBe(false)
    expect(isClosingEvent(': a comment\n\n')).toBe(false)
    expect(isClosingEvent(chunk({}, 'stop'))).toBe(true)
    expect(isClosingEvent(event({ choices: [], usage: { prompt_tokens: 1 } }))).toBe(true)
    expect(isClosingEvent('data: [DONE]\n\n')).toBe(true)
  })
})

describe('the digest of a request', () => {
  const list = findScaffold('mini-swe-agent')!.normalisations
  const digest = (content: unknown, more: Record<string, unknown> = {}, model = 'm') => {
    const request = { messages: [{ role: 'user', content, ...more }], model: 'named by the scaffold' }
    return digestOfWireRequest(request, digestMessages(request.messages, list), model)
  }
  const system = (kernel: string) => `Begin.\n<system_information>\nLinux ${kernel} x86_64\n</system_information>\nGo.`

  test('leaves out what is on a scaffold’s list and what clients add, and nothing else', () => {
    expect(digest(system('6.1.0'))).toBe(digest(system('6.18.44')))
    expect(digest([{ type: 'text', text: system('6.1.0') }])).toBe(digest([{ type: 'text', text: system('6.2') }]))
    expect(digest('a', { provider_specific_fields: { refusal: null } })).toBe(digest('a', { function_call: null }))
    for (const other of [digest('b'), digest('a', { name: 'x' }), digest('a', {}, 'n'), digest('a ')]) {
      expect(other).not.toBe(digest('a'))
    }
    expect(digest(`${system('6.1.0')} Linux 6.1.0`)).not.toBe(digest(`${system('6.1.0')} Linux 6.2.0`))
  })

  test('a conversation goes on from another when it begins with all of it', () => {
    expect(countPrefix(['a', 'b'], ['a', 'b', 'c'])).toBe(2)
    expect(countPrefix(['a', 'b'], ['a', 'b'])).toBe(2)
    expect(countPrefix(['a', 'b'], ['a'])).toBe(0)
    expect(countPrefix(['a', 'x'], ['a', 'b', 'c'])).toBe(0)
    expect(countPrefix([], ['a'])).toBe(0)
  })
})

describe('the trace of a scaffold', () => {
  const reply = (content: string, ids: string[] = []) => ({
    id: '',
    model: '',
    finishReason: '',
    usage: { promptTokens: 0, completionTokens: 0, cachedTokens: 0 },
    message: {
      role: 'assistant' as const,
      content,
      reasoning_content: `about ${content}`,
      ...(ids.length > 0
        ? { tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: 'bash', arguments: '{}' } })) }
        : {}),
    },
  })
  const start = [
    { role: 'system', content: 'Be helpful.' },
    { role: 'user', content: [{ type: 'text', text: 'Do it.' }] },
  ]
  const echo = (content: string, id: string) => ({
    role: 'assistant',
    content,
    provider_specific_fields: { refusal: null },
    tool_calls: [{ id, type: 'function', function: { name: 'bash', arguments: '{}' } }],
  })
  const result = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'done' })
  /** The messages of a segment; what is repeated in brackets. */
  const told = ({ messages }: Segment) =>
    messages.map(({ message, isRepeated }) => (isRepeated ? `(${message.content})` : message.content)).join('|')

  test('is one conversation while each request goes on from the last, with the replies as they were', () => {
    const [only, ...more] = traceExchanges([
      { messages: start, reply: reply('one', ['a']) },
      { messages: [...start, echo('one', 'a'), result('a')], reply: reply('two') },
    ])
    expect(more).toEqual([])
    expect(
      only!.messages.map(({ message, exchange, asked, isReply, isRepeated }) => [
        ...[message.role, message.content, exchange],
        ...[asked, isReply, isRepeated],
      ]),
    ).toEqual([
      ['system', 'Be helpful.', 0, null, false, false],
      ['user', 'Do it.', 0, null, false, false],
      ['assistant', 'one', 0, null, true, false],
      ['tool', 'done', 1, 0, false, false],
      ['assistant', 'two', 1, null, true, false],
    ])
    expect(only!.messages[2]!.message).toMatchObject({ reasoning_content: 'about one', tool_calls: [{ id: 'a' }] })
  })

  test('has the reasoning by either of the names that servers have for it', () => {
    const answered = reply('one')
    const { reasoning_content: reasoning, ...message } = answered.message
    const [only] = traceExchanges([{ messages: start, reply: { ...answered, message: { ...message, reasoning } } }])
    expect(only!.messages.at(-1)!.message).toMatchObject({ content: 'one', reasoning_content: 'about one' })
  })

  test('is split where a turn was dropped or the context rewritten, and repeats are told', () => {
    const segments = traceExchanges([
      { messages: start, reply: reply('one', ['a']) },
      { messages: [...start, echo('one', 'a'), result('a')], reply: reply('no tool call') },
      // The scaffold drops the turn without a tool call, and complains.
      {
        messages: [...start, echo('one', 'a'), result('a'), { role: 'user', content: 'Call one.' }],
        reply: reply('two', ['b']),
      },
      {
        messages: [
          { role: 'system', content: 'Be helpful.' },
          { role: 'user', content: 'A summary.' },
        ],
        reply: reply('three'),
      },
    ])
    expect(segments.map(told)).toEqual([
      'Be helpful.|Do it.|one|done|no tool call',
      '(Be helpful.)|(Do it.)|(one)|(done)|Call one.|two',
      '(Be helpful.)|A summary.|three',
    ])
  })

  test('goes on with an earlier conversation after a call beside it', () => {
    const beside = [{ role: 'user', content: 'Give it a title.' }]
    const segments = traceExchanges([
      { messages: start, reply: reply('one', ['a']) },
      { messages: beside, reply: reply('A title') },
      { messages: [...start, echo('one', 'a'), result('a')], reply: reply('two') },
    ])
    expect(segments.map(told)).toEqual(['Be helpful.|Do it.|one|done|two', 'Give it a title.|A title'])
  })

  test('takes no turn for the model’s that no reply was, nor its answers for new', () => {
    const segments = traceExchanges([
      { messages: start, reply: reply('one', ['a']) },
      { messages: [...start, echo('one', 'a'), result('a')], reply: reply('two') },
      // The context is compressed: a summary, a turn of the scaffold's own, one more with an answer, and a step once more.
      {
        messages: [
          { role: 'user', content: 'So far: …' },
          { role: 'assistant', content: 'Got it.' },
          ...[echo('Read again.', 'own'), result('own')],
          ...[echo('one', 'a'), result('a')],
        ],
        reply: reply('three'),
      },
    ])
    expect(segments.map(told)).toEqual([
      'Be helpful.|Do it.|one|done|two',
      'So far: …|(Got it.)|(Read again.)|(done)|(one)|(done)|three',
    ])
  })

  test('takes an answer for new that was pending when the context was compressed, though its turn is stated anew', () => {
    const compressed = [
      { role: 'user', content: 'So far: …' },
      echo('Got it. Thanks!', 'b'),
      { ...result('b'), content: 'first of b' },
    ]
    const segments = traceExchanges([
      { messages: start, reply: reply('one', ['a']) },
      { messages: [...start, echo('one', 'a'), result('a')], reply: reply('two', ['b']) },
      // Beside it: the summary, asked for without the pending answer.
      { messages: [...start, echo('one', 'a'), result('a'), { role: 'user', content: 'Sum up.' }], reply: reply('…') },
      { messages: compressed, reply: reply('three', ['c']) },
      // Stated once more, otherwise: it is not new again.
      {
        messages: [{ role: 'user', content: 'So far, shorter: …' }, ...compressed.slice(1)],
        reply: reply('four'),
      },
    ])
    expect(segments.map(told)).toEqual([
      'Be helpful.|Do it.|one|done|two',
      '(Be helpful.)|(Do it.)|(one)|(done)|Sum up.|…',
      '(So far: …)|(Got it. Thanks!)|first of b|three',
      '(So far, shorter: …)|(Got it. Thanks!)|(first of b)|four',
    ])
    const { exchange, asked } = segments[2]!.messages[2]!
    expect({ exchange, asked }).toEqual({ exchange: 3, asked: 1 })
  })

  test('gives what is stated anew the place that it has, though its frame says something else now', () => {
    const [system, user] = start
    const anew = [{ role: 'system', content: 'Be helpful on Monday.' }, user]
    const first = [...anew, echo('one', 'a'), result('a'), { role: 'assistant', content: 'Done.' }]
    const refused = [...first, { role: 'user', content: 'Not yet.' }]
    const segments = traceExchanges([
      { messages: [system, user], reply: reply('one', ['a']) },
      { messages: [system, user, echo('one', 'a'), result('a')], reply: reply('Done.') },
      { messages: refused, reply: reply('Done.') },
      {
        messages: [
          { role: 'system', content: 'Be helpful on Tuesday.' },
          ...refused.slice(1),
          { role: 'assistant', content: 'Done.' },
          { role: 'user', content: 'Go on.' },
        ],
        reply: reply('three'),
      },
    ])
    expect(segments.map(told)).toEqual([
      'Be helpful.|Do it.|one|done|Done.',
      '(Be helpful on Monday.)|(Do it.)|(one)|(done)|(Done.)|Not yet.|Done.',
      '(Be helpful on Tuesday.)|(Do it.)|(one)|(done)|(Done.)|(Not yet.)|(Done.)|Go on.|three',
    ])
    expect(segments.map(({ messages }) => messages.map(({ exchange }) => exchange))).toEqual([
      [0, 0, 0, 1, 1],
      [0, 0, 0, 0, 1, 2, 2],
      [0, 0, 0, 0, 1, 2, 2, 3, 3],
    ])
  })
})

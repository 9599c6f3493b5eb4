import { tmpdir } from 'node:os'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { digestMessages } from '../../src/domain/wireRequest.ts'
import { findScaffold, SCAFFOLDS } from '../../src/scaffolds/index.ts'
import { miniSweAgent } from '../../src/scaffolds/miniSweAgent.ts'
import { qwenCode } from '../../src/scaffolds/qwenCode.ts'
import { storyOf } from '../../src/scaffolds/story.ts'

const said = (status: string | null, fault: string | null, trajectory: string | null = '/home/agent/own') => ({
  exitCode: 0,
  isTimedOut: false,
  output: `much before\nprchain-result ${JSON.stringify({ status, fault, trajectory })}\n`,
})

describe('the end of a round', () => {
  test.each([
    ['Submitted', 'submitted'],
    ['LimitsExceeded', 'step-limit'],
    ['RepeatedFormatError', 'no-tool-call'],
    ['ContextWindowExceededError', 'context-exceeded'],
  ])('is, when mini-swe-agent says %s, %s', (status, ending) => {
    expect(miniSweAgent.readEnding(said(status, null))).toEqual({ ending, trajectory: '/home/agent/own' })
  })

  test.each([
    ['success', null, 'submitted'],
    ['max-session-turns', 'Reached max session turns for this session.', 'step-limit'],
    [null, "[API Error: 400 This model's maximum context length is 8 tokens]", 'context-exceeded'],
  ])('is, when qwen-code ends with %s and %s, %s', (status, fault, ending) => {
    expect(qwenCode.readEnding(said(status, fault))).toEqual({ ending, trajectory: '/home/agent/own' })
  })

  test('is a fault, with what was said, for anything else', () => {
    expect(qwenCode.readEnding(said(null, '[API Error: 401 bad token]'))).toEqual({
      fault: '[API Error: 401 bad token]',
      isSessionRefused: false,
    })
    expect(qwenCode.readEnding(said(null, 'No saved session found with ID 1. Run `qwen --resume`'))).toMatchObject({
      isSessionRefused: true,
    })
    expect(miniSweAgent.readEnding(said('RuntimeError', null))).toEqual({
      fault: 'it ended with the status RuntimeError',
    })
    for (const scaffold of [miniSweAgent, qwenCode]) {
      const killed = { exitCode: 137, isTimedOut: false, output: 'half a line' }
      expect(scaffold.readEnding(killed)).toEqual({ fault: 'it ended with exit code 137: half a line' })
      expect(scaffold.readEnding({ ...killed, isTimedOut: true })).toEqual({ ending: 'time-limit', trajectory: null })
    }
  })
})

describe('a scaffold’s name', () => {
  test.each(SCAFFOLDS.map(({ name }) => name))('is known by the list alone: %s', (name) => {
    expect(readConfig({ flags: { scaffold: name }, env: {}, dir: tmpdir() }).scaffold).toBe(name)
    expect(findScaffold(name)!.name).toBe(name)
  })

  test('is refused when it is none, and never taken for prchain’s own', () => {
    expect(() => readConfig({ flags: { scaffold: 'other' }, env: {}, dir: tmpdir() })).toThrow(/scaffold.*other/s)
    expect(findScaffold('native')).toBeNull()
    expect(() => findScaffold('other')).toThrow('there is no scaffold other')
  })
})

describe('what qwen-code’s keys leave out', () => {
  const digest = (...texts: string[]) =>
    digestMessages(
      [{ role: 'user', content: texts.map((text) => ({ type: 'text', text })) }],
      qwenCode.normalisations,
    )[0]
  const startup = (date: string, folder = '/repo') =>
    `<system-reminder>\nThis is the Qwen Code. We are setting up the context for our chat.\nToday's date is ${date}.\nMy operating system is: linux\nI'm currently working in the directory: ${folder}\n</system-reminder>`
  const reminder = (date: string) =>
    `<system-reminder>\nThe current date is: ${date}. Note: This is the authoritative current date\n</system-reminder>`
  const saved = (id: string) =>
    `The full output has been saved to: /home/agent/.qwen/tmp/b14d/run_shell_command_${id}.output`
  const shell = (id: string, pid: number) =>
    `Background shell started.\nid: ${id}\npid: ${pid}\noutput file: /x/shell-${id}.output`

  test.each([
    ['the day', startup('Saturday, November 21, 2026'), startup('Friday, January 1, 2027')],
    ['the day before a turn', reminder('Saturday, November 21, 2026'), reminder('Friday, January 1, 2027')],
    ['the file of a large output', saved('ebb6f77bf776'), saved('000000000000')],
    ['the names of a background shell', shell('bg_9eb80e0b', 4091), shell('bg_00000000', 7)],
  ])('is %s', (_, one, other) => {
    expect(digest(one, 'Do it.')).toBe(digest(other, 'Do it.'))
  })

  test('is nothing else: each pattern of the list is one of these, and what is no such text counts', () => {
    expect(qwenCode.normalisations).toHaveLength(5)
    const texts = [startup('Saturday, November 21, 2026'), reminder('Friday, January 1, 2027'), saved('ebb6f77bf776')]
    for (const { pattern } of qwenCode.normalisations.slice(0, 3))
      expect(texts.filter((text) => text.search(pattern) >= 0)).toHaveLength(1)
    for (const [one, other] of [
      [startup('Saturday, November 21, 2026'), startup('Saturday, November 21, 2026', '/other')],
      ["He said: Today's date is unknown.", "He said: Today's date is known."],
      ['The release of November 21, 2026.', 'The release of November 22, 2026.'],
      ['worker pid: 12', 'worker pid: 13'],
      ['a_0123456789ab.txt', 'a_0123456789ac.txt'],
    ])
      expect(digest(one!)).not.toBe(digest(other!))
  })
})

describe('the story of a stage, for a scaffold that cannot go on', () => {
  test('is the opening alone at first, and then all that was said, the last as what is to be mended', () => {
    expect(storyOf([], ['Open.'])).toBe('Open.')
    const story = storyOf([], ['Open.', 'First.', 'Second.'])
    expect(story).toMatch(/^Open\.[^]*not accepted yet[^]*round 1:\n\nFirst\.[^]*mend now:\n\nSecond\.$/)
    // A later stage's begins with what was asked before it.
    expect(storyOf(['Once.'], ['Open.'])).toMatch(/<earlier_request number="1">\nOnce\.\n<[^]*request now:\n\nOpen\.$/)
  })
})

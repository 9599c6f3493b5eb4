import { describe, expect, test } from 'vitest'
import { isFailure } from '../../src/scripted/bench.ts'
import { readRound } from '../../src/scripted/conversation.ts'
import { answerSideCall } from '../../src/scripted/sideCall.ts'
import { createToolbox, readObservation } from '../../src/scripted/toolbox.ts'
import type { WireMessage, WireRequest } from '../../src/scripted/wire.ts'

const QWEN = ['edit', 'glob', 'read_file', 'run_shell_command', 'tool_search', 'write_file']

describe('the scripted model over qwen-code’s tools', () => {
  const toolbox = createToolbox(new Set(QWEN), '/repo')

  test('names files from the folder on that it is told, and ends with words alone', () => {
    expect(toolbox.view('src/a.js')).toEqual({ name: 'read_file', arguments: { file_path: '/repo/src/a.js' } })
    expect(toolbox.view('src/a.js', { start: 11, end: 20 })!.arguments).toEqual({
      ...{ file_path: '/repo/src/a.js', offset: 10, limit: 10 },
    })
    expect(toolbox.edit('a', { old: 'x', new: 'y' }, 'y')).toEqual({
      name: 'edit',
      arguments: { file_path: '/repo/a', old_string: 'x', new_string: 'y' },
    })
    expect(toolbox.write('a', 'y')!.name).toBe('write_file')
    expect(toolbox.run('ls')!.arguments).toEqual({ command: 'ls', is_background: false })
    expect(toolbox.submit('done')).toBeNull()
  })

  test('reads what its shell says, whatever the command and its output hold, and parts of files', () => {
    const shell = (output: string, code: number) =>
      `Command: grep 'Output: x' a\nDirectory: (root)\nOutput: ${output}\nError: (none)\nExit Code: ${code}\nSignal: (none)\nProcess Group PGID: (none)`
    expect(readObservation(shell('one\nError: two', 0))).toBe('one\nError: two\n[exit code 0]')
    expect(readObservation(shell('(empty)', 3))).toBe('[exit code 3]')
    const cut = {
      returncode: 0,
      output_head: 'one',
      output_tail: 'four',
      elided_chars: 744,
      warning: 'Output too long.',
    }
    expect(readObservation(JSON.stringify(cut))).toBe(
      'one\n[… 744 bytes in all; the middle is left out …]\nfour\n[exit code 0]',
    )
    expect(readObservation('Showing lines 2-3 of 5 total lines.\n\n---\n\n b\nc')).toBe(' b\nc\n')
    expect(readObservation('Showing lines 4-5 of 5 total lines.\n\n---\n\nd\n')).toBe('d\n')
    expect(readObservation('plain\n')).toBe('plain\n')
    expect(isFailure(readObservation(JSON.stringify({ returncode: -9, output: '' })))).toBe(true)
  })

  test('takes the last turn of a session for its round, without the reminders around it', () => {
    const reminder = "<system-reminder>\nI'm currently working in the directory: /repo\n</system-reminder>"
    const messages: WireMessage[] = [
      { role: 'system', content: 'You are.' },
      { role: 'user', content: `${reminder}Do it.` },
      { role: 'assistant', content: 'It is done.' },
      { role: 'user', content: '<system-reminder>\nThe current date is: x\n</system-reminder>Mend src/a.js.' },
    ]
    expect(readRound(messages)).toMatchObject({ opening: 'Mend src/a.js.', root: '/repo', observations: [] })
  })

  test('sums up when it is asked to, answers calls beside the work, and leaves the work’s own alone', () => {
    const request = (content: string, tools: readonly string[]) =>
      ({
        messages: [
          { role: 'user', content: 'Do it.' },
          { role: 'user', content },
        ],
        tools: tools.map((name) => ({ function: { name } })),
      }) as unknown as WireRequest
    const snapshot = answerSideCall(request('Produce the <state_snapshot> XML.', QWEN))!
    expect(snapshot.content).toMatch(/<state_snapshot>[^]*Do it\.[^]*<\/state_snapshot>$/)
    expect(answerSideCall(request('Name this conversation.', []))).toMatchObject({ toolCalls: [] })
    expect(answerSideCall(request('Mend it.', QWEN))).toBeNull()
  })
})

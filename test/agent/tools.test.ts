import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { CommandResult } from '../../src/agent/observation.ts'
import { playToolCall, type ToolOutcome } from '../../src/agent/toolCalls.ts'
import type { Command } from '../../src/sandbox/port.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'prchain-tools-'))
  mkdirSync(join(dir, 'repo'))
  mkdirSync(join(dir, 'home'))
})

function lay(files: Record<string, string | Buffer>): void {
  for (const [path, content] of Object.entries(files)) {
    const file = join(dir, 'repo', path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
}

function git(...args: string[]): void {
  execFileSync('git', args, { cwd: join(dir, 'repo'), stdio: 'ignore' })
}

/** Runs a command as a sandbox does, in a folder. */
async function run({ script, stdin }: Command, path = process.env['PATH']): Promise<CommandResult> {
  const env = { PATH: path, HOME: join(dir, 'home'), LANG: 'C.UTF-8' }
  const options = { cwd: join(dir, 'repo'), env, input: stdin ?? '', maxBuffer: 1 << 28 }
  const merged = `exec 2>&1\n${script}`
  let output: Buffer
  let exitCode = 0
  try {
    output = execFileSync('/bin/bash', ['-c', merged], options)
  } catch (error) {
    const failed = error as { status: number; stdout: Buffer }
    output = failed.stdout
    exitCode = failed.status
  }
  const text = output.toString('utf8')
  const isText = Buffer.from(text).equals(output)
  return { exitCode, isTimedOut: false, output: text, isText, sizeBytes: output.length, leftRunning: [] }
}

async function use(name: string, args: unknown, options: { limit?: number; path?: string } = {}): Promise<string> {
  const outcome = await call(name, JSON.stringify(args), options)
  return outcome.kind === 'submitted' ? 'submitted' : outcome.text
}

function call(name: string, args: string, options: { limit?: number; path?: string } = {}): Promise<ToolOutcome> {
  const { limit, path } = options
  return playToolCall(
    { id: 'a', type: 'function', function: { name, arguments: args } },
    { name: '0-0-0', timeoutMs: 20_000, ...(limit ? { limit } : {}), run: (_, command) => run(command, path) },
  )
}

describe('search', () => {
  beforeEach(() => {
    lay({
      'src/a.py': 'import os\ndef read(x):\n    return x\n',
      'src/deep/b.py': 'def read_all():\n    pass\n',
      'src/deep/c.js': 'function read() {}\n',
      'src/with:colon é.py': 'read me\n',
      'build/out.py': 'def read_out(): pass\n',
      '.gitignore': 'build/\n',
      'picture.bin': Buffer.from([0, 1, 2, 0x72, 0x65, 0x61, 0x64]),
    })
    git('init', '-q')
    git('add', 'src/a.py', '.gitignore')
  })

  test('finds lines in tracked and new files, not in ignored and binary ones', async () => {
    expect(await use('search', { pattern: 'def read\\w*\\(' })).toBe(
      'src/a.py:2:def read(x):\nsrc/deep/b.py:1:def read_all():\n[2 matching lines]',
    )
    expect(await use('search', { pattern: '^read' })).toBe('src/with:colon é.py:1:read me\n[1 matching line]')
  })

  test('looks in a folder, in a file, by file name, and in what git ignores where that is named', async () => {
    expect(await use('search', { pattern: 'read', path: 'src/deep' })).toContain('[2 matching lines]')
    expect(await use('search', { pattern: 'read', path: './src/deep/' })).toContain('[2 matching lines]')
    expect(await use('search', { pattern: 'read', path: 'src/a.py' })).toContain('src/a.py:2:')
    expect(await use('search', { pattern: 'read', glob: '*.js' })).toBe(
      'src/deep/c.js:1:function read() {}\n[1 matching line]',
    )
    expect(await use('search', { pattern: 'read', path: 'src/deep', glob: 'b*' })).toContain('src/deep/b.py:1:')
    expect(await use('search', { pattern: 'read', path: 'src/a.py', glob: '*.js' })).toContain('src/a.py:2:')
    expect(await use('search', { pattern: 'read', path: 'build' })).toContain('build/out.py:1:def read_out')
  })

  test('says exactly what is wrong with a pattern, a path or a file name', async () => {
    expect(await use('search', { pattern: 'read(' })).toMatch(
      /^Nothing was searched: the pattern is wrong: .*Unmatched \( or \\\($/,
    )
    expect(await use('search', { pattern: 'read', path: 'nowhere' })).toBe('Nothing was searched: there is no nowhere.')
    expect(await use('search', { pattern: 'nothing like it' })).toBe('No line in . matches nothing like it')
    expect(await use('search', { pattern: 'read', glob: 'src/*.py' })).toContain('glob')
    expect(await use('search', { pattern: 'a\0b' })).toContain('NUL')
  })

  test('takes nothing for an option, a command or a path of git’s own', async () => {
    lay({ '-e': 'x -- y\n', "it's $(touch owned)": 'quoted $(touch owned) `touch owned`\n', 'a[b]/c.py': 'read\n' })
    expect(await use('search', { pattern: '-- y' })).toBe('-e:1:x -- y\n[1 matching line]')
    expect(await use('search', { pattern: '-- y', path: '-e' })).toContain('1:x -- y')
    expect(await use('search', { pattern: 'quoted \\$\\(touch owned\\)', path: "it's $(touch owned)" })).toContain(
      '[1 matching line]',
    )
    expect(await use('search', { pattern: "'; touch owned; '" })).toMatch(/^No line/)
    expect(await use('search', { pattern: 'read', path: ':(exclude)src' })).toMatch(/^Nothing was searched/)
    expect(await use('search', { pattern: 'read', path: 'a[b]', glob: '*.py' })).toContain('a[b]/c.py:1:read')
    expect(await use('shell', { command: 'ls owned' })).toContain('[exit code 2]')
  })

  test('shows at most 100 lines, cuts long ones, and says how many there are', async () => {
    lay({ 'many.txt': 'needle\n'.repeat(250), 'wide.txt': `${'w'.repeat(5_000)}needle\n` })
    const many = await use('search', { pattern: 'needle', path: 'many.txt' })
    expect(many.split('\n')).toHaveLength(101)
    expect(many).toContain('[the first 100 of 250 matching lines; narrow the search for the others]')
    expect(await use('search', { pattern: 'needle', path: 'wide.txt' })).toMatch(/w…\n\[1 matching line\]$/)
    lay({ 'huge.txt': 'needle in a very long haystack\n'.repeat(50_000) })
    expect(await use('search', { pattern: 'needle', path: 'huge.txt' })).toMatch(
      /\[the first 100 of more than \d+ matching lines/,
    )
    expect((await use('search', { pattern: 'needle' }, { limit: 500 })).length).toBeLessThanOrEqual(500)
  })

  test('works without git, by grep', async () => {
    const bin = join(dir, 'bin')
    mkdirSync(bin)
    for (const tool of ['grep', 'sort', 'head'])
      execFileSync('ln', ['-s', execFileSync('which', [tool]).toString().trim(), join(bin, tool)])
    expect(await use('search', { pattern: 'def read\\w*\\(', glob: '*.py' }, { path: bin })).toBe(
      './build/out.py:1:def read_out(): pass\n./src/a.py:2:def read(x):\n./src/deep/b.py:1:def read_all():\n[3 matching lines]',
    )
    expect(await use('search', { pattern: '(' }, { path: bin })).toContain('Unmatched (')
    expect(await use('search', { pattern: 'absent' }, { path: bin })).toBe('No line in . matches absent')
  })
})

describe('view', () => {
  const numbered = Array.from({ length: 50 }, (_, n) => `line ${n + 1}\n`).join('')

  test('shows a file as it is, or the lines that are asked for and which of how many they are', async () => {
    lay({ 'a.txt': numbered, 'short.txt': 'no end', 'empty.txt': '', '-f': 'dash\n' })
    expect(await use('view', { path: 'a.txt' })).toBe(numbered)
    expect(await use('view', { path: 'a.txt', start: 3, end: 4 })).toBe('line 3\nline 4\n[lines 3-4 of 50]')
    expect(await use('view', { path: 'a.txt', start: 49 })).toBe('line 49\nline 50\n[lines 49-50 of 50]')
    expect(await use('view', { path: 'a.txt', start: 49, end: 90 })).toBe('line 49\nline 50\n[lines 49-50 of 50]')
    expect(await use('view', { path: 'short.txt' })).toBe('no end')
    expect(await use('view', { path: 'empty.txt' })).toBe('')
    expect(await use('view', { path: '-f' })).toBe('dash\n')
  })

  test('of a file that is too long shows whole lines from the first, and says where to go on', async () => {
    lay({ 'a.txt': numbered, 'long.txt': 'x\n'.repeat(5_000), 'wide.txt': `${'w'.repeat(3_000)}\nnext\n` })
    const first = await use('view', { path: 'a.txt' }, { limit: 200 })
    expect(first).toBe(`${numbered.slice(0, 95)}[lines 1-13 of 50; go on with start 14]`)
    expect(await use('view', { path: 'long.txt' })).toMatch(/x\n\[lines 1-2000 of 5000; go on with start 2001\]$/)
    const wide = await use('view', { path: 'wide.txt' }, { limit: 1_000 })
    expect(wide).toMatch(/w\n\[… 3001 bytes in all; \d+ of them are left out here …\]\nw+\n\[lines 1-1 of 2; go on/)
    expect(wide.length).toBeLessThanOrEqual(1_000)
  })

  test('refuses clearly: no such line, an end before its start, no such file, no text', async () => {
    lay({ 'a.txt': 'one\n', bytes: Buffer.from([0xff, 0xfe, 0x0a]) })
    expect(await use('view', { path: 'a.txt', start: 4 })).toBe('a.txt has 1 line; there is no line 4.')
    expect(await use('view', { path: 'a.txt', start: 4, end: 2 })).toBe('Nothing to show: line 2 is before line 4.')
    expect(await use('view', { path: 'none.txt' })).toMatch(/none\.txt.*No such file or directory\n\[exit code \d\]$/)
    expect(await use('view', { path: 'bytes' })).toBe('bytes is not a text file.')
  })

  test('shows the names in a folder', async () => {
    lay({ 'a.txt': '', 'sub/b.txt': '', '.hidden': '' })
    expect(await use('view', { path: '.' })).toBe('.hidden\na.txt\nsub/\n')
  })
})

describe('edit', () => {
  test('replaces the one passage, and says where', async () => {
    lay({ 'a.txt': 'one\ntwo\nthree\n' })
    expect(await use('edit', { path: 'a.txt', old: 'two\n', new: 'zwei $& $1\n' })).toBe('Edited a.txt at line 2.')
    expect(await use('view', { path: 'a.txt' })).toBe('one\nzwei $& $1\nthree\n')
  })

  test('refuses without a change, and says why: several places, none, other white space, nothing to do', async () => {
    const text = 'if a:\n    go()\nif b:\n    go()\naaa\n'
    lay({ 'a.py': text })
    const edit = (old: string, changed = 'x') => use('edit', { path: 'a.py', old, new: changed })
    expect(await edit('    go()\n')).toBe(
      'Nothing was changed: `old` must occur exactly once in a.py; it occurs 2 times, at lines 2, 4. Give more of what stands around the one.',
    )
    expect(await edit('aa')).toContain('2 times, at lines 5, 5')
    expect(await edit('absent')).toBe('Nothing was changed: `old` must occur exactly once in a.py; it occurs 0 times.')
    expect(await edit('if b:\n\tgo()\n')).toContain('With other white space it stands at line 3.')
    expect(await edit('')).toBe('Nothing was changed: `old` is empty; a whole file is written with `write`.')
    expect(await edit('go', 'go')).toBe('Nothing was changed: `old` and `new` are the same.')
    expect(await use('edit', { path: 'none.py', old: 'a', new: 'b' })).toContain('none.py')
    expect(await use('view', { path: 'a.py' })).toBe(text)
  })
})

describe('shell', () => {
  test('of a long output shows head and tail, how much is missing, and puts the whole where it can be read', async () => {
    const said = await use('shell', { command: 'seq 20000; exit 3' })
    expect(said).toMatch(
      /^1\n2\n[^…]*\n\[… 108894 bytes in all; 92894 of them are left out here; the whole is in ~\/outputs\/0-0-0 …\]\n/,
    )
    expect(said).toMatch(/\n20000\n\[exit code 3\]$/)
    expect(await use('search', { pattern: '^12345$', path: '~/outputs/0-0-0' })).toMatch(/12345\n\[1 matching line\]$/)
    expect(await use('view', { path: '~/outputs/0-0-0', start: 777, end: 777 })).toBe('777\n[lines 777-777 of 20000]')
  })
})

test.each([
  ['teleport', '{}', 'There is no tool "teleport". The tools are: shell, search, view, edit, write, submit.'],
  ['toString', '{}', 'There is no tool "toString".'],
  ['shell', '{"command": ', 'The arguments of "shell" are not JSON: '],
  ['shell', '{"cmd": "ls"}', 'The arguments of "shell" are wrong: '],
  ['view', '{"path": "a", "start": 0}', 'The arguments of "view" are wrong: '],
])('a call of %s with %s is answered with what is wrong', async (name, args, words) => {
  const outcome = await call(name, args)
  expect(outcome).toEqual({ kind: 'fault', text: expect.stringContaining(words) })
})

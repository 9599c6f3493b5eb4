import fc from 'fast-check'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { applyDelta, gitObjectName } from '../../src/scripted/binaryPatch.ts'
import { readFeedback } from '../../src/scripted/feedback.ts'
import { pathOf, readGitPatch } from '../../src/scripted/gitPatch.ts'
import { placeHunk } from '../../src/scripted/placement.ts'
import { makeTextEdit, splitLines } from '../../src/scripted/textEdit.ts'
import { newTexts } from '../../src/scripted/work.ts'
import { alterLine } from '../../src/scripted/wrongCondition.ts'
import { bash, buildExample, patchOf, temporaryDir } from './scriptedFixture.ts'

describe('reading git patches', () => {
  test('tells paths, modes and kinds as git meant them', () => {
    const base =
      'seq 30 > old.txt; echo x > gone.txt; echo t > tool; ln -s a link; printf "a\\0" > pic; echo "s p" > "s p.txt"'
    const change =
      'git mv old.txt "né w.txt"; sed -i 3d "né w.txt"; rm gone.txt; chmod 755 tool; ln -sfn b link; printf "b\\0" > pic; echo y > "s p.txt"; echo q > "q\\"uote.txt"; : > empty'
    const files = readGitPatch(Buffer.from(buildExample([base, change]).patches[0]!, 'latin1'))
    const seen = Object.fromEntries(
      files.map(({ oldPath, newPath, oldMode, newMode, isRename, isBinary, hunks }) => [
        newPath ?? oldPath,
        { oldPath, oldMode, newMode, isRename, isBinary, hunks: hunks.length },
      ]),
    )
    const text = { isRename: false, isBinary: false, oldMode: '100644', newMode: '100644', hunks: 1 }
    expect(seen).toEqual({
      'né w.txt': { ...text, oldPath: 'old.txt', isRename: true },
      'gone.txt': { ...text, oldPath: 'gone.txt', newMode: null },
      tool: { ...text, oldPath: 'tool', newMode: '100755', hunks: 0 },
      link: { ...text, oldPath: 'link', oldMode: '120000', newMode: '120000' },
      pic: { ...text, oldPath: 'pic', isBinary: true, hunks: 0 },
      's p.txt': { ...text, oldPath: 's p.txt' },
      'q"uote.txt': { ...text, oldPath: null, oldMode: null },
      empty: { ...text, oldPath: null, oldMode: null, hunks: 0 },
    })
  })

  test('lines that look like headers stay lines', () => {
    const change = "printf -- '-- a/x\\n++ b/x\\n@@ -1 +1 @@\\ndiff --git a/x b/x\\n' > a.txt"
    const [file, ...rest] = readGitPatch(
      Buffer.from(buildExample(['printf -- "-- old\\n" > a.txt', change]).patches[0]!),
    )
    expect(rest).toEqual([])
    expect(newTexts(file!.hunks[0]!.lines)).toEqual(['-- a/x\n', '++ b/x\n', '@@ -1 +1 @@\n', 'diff --git a/x b/x\n'])
  })

  test('binary content, whole or as a delta, comes out as git put it in', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 3000 }),
        fc.uint8Array({ maxLength: 50 }),
        fc.nat(3000),
        (content, inserted, at) => {
          const dir = temporaryDir()
          const old = Buffer.concat([Buffer.from([0]), content])
          const made = Buffer.concat([old.subarray(0, at), inserted, old.subarray(at)])
          bash(dir, 'git init -q .')
          const commit = (bytes: Buffer) => {
            writeFileSync(join(dir, 'f.bin'), bytes)
            return bash(dir, 'git add . && git write-tree').toString().trim()
          }
          const [file] = readGitPatch(Buffer.from(patchOf(dir, commit(old), commit(made)), 'latin1'))
          fc.pre(file !== undefined)
          const { method, data } = file!.binary!
          expect(gitObjectName(old)).toBe(file!.oldObject)
          expect((method === 'literal' ? data : applyDelta(old, data)).equals(made)).toBe(true)
        },
      ),
      { numRuns: 25 },
    )
  })
})

const line = fc.constantFrom('', 'a', 'b', 'return value', 'if (x > 1) {', '}', '  same', '\tdeep')
const lines = fc.array(line, { maxLength: 40 })
const texts = fc.tuple(lines, lines, lines, fc.boolean(), fc.boolean())

/** Old and new text with much in common, each with or without a last line end. */
function textsOf([head, middle, tail, oldEnds, newEnds]: [string[], string[], string[], boolean, boolean]): [
  string,
  string,
] {
  const old = [...head, 'anchor one', ...tail].join('\n')
  const made = [
    ...head.slice(2),
    ...middle.slice(0, 5),
    'anchor one',
    ...tail.slice(0, 6),
    'fresh',
    ...tail.slice(7),
  ].join('\n')
  return [oldEnds ? `${old}\n` : old, newEnds ? `${made}\n` : made]
}

describe('placing hunks and making edits', () => {
  test('all hunks in their places, as edits of unique passages, make the new text of the old one', () => {
    const dir = temporaryDir()
    bash(dir, 'git init -q .')
    const treeOf = (text: string) => {
      writeFileSync(join(dir, 'f.txt'), text)
      return bash(dir, 'git add . && git write-tree').toString().trim()
    }
    fc.assert(
      fc.property(texts, (input) => {
        const [old, made] = textsOf(input)
        const [file] = readGitPatch(Buffer.from(patchOf(dir, treeOf(old), treeOf(made)), 'latin1'))
        let text = old
        let shift = 0
        for (const hunk of file?.hunks ?? []) {
          const seen = splitLines(text)
          const placed = placeHunk(seen, hunk.lines, { around: Math.max(0, hunk.oldStart - 1) + shift })
          if (placed.status === 'lost') throw new Error('a hunk on its own base was lost')
          if (placed.status === 'present') continue
          const edit = makeTextEdit(seen, placed)
          if (edit === null) {
            text = placed.lines.join('')
            continue
          }
          expect(text.split(edit.old)).toHaveLength(2)
          text = text.replace(edit.old, () => edit.new)
          shift += placed.lines.length - (placed.end - placed.start)
        }
        expect(text).toBe(made)
      }),
      { numRuns: 150 },
    )
  })

  test('a hunk that is there already is found present, a strange file loses it', () => {
    const hunk = [
      { mark: ' ', text: 'before\n' },
      { mark: '+', text: 'new line here\n' },
      { mark: ' ', text: 'after\n' },
    ] as const
    expect(placeHunk(['before\n', 'new line here\n', 'after\n'], hunk, { around: 0 })).toEqual({ status: 'present' })
    expect(placeHunk(['nothing\n', 'of the kind\n'], hunk, { around: 0 })).toEqual({ status: 'lost' })
    expect(
      placeHunk(['x\n', 'before\n', 'flawed line\n', 'after\n'], hunk, {
        around: 0,
        variants: [['before\n', 'flawed line\n', 'after\n']],
      }),
    ).toEqual({
      status: 'placed',
      start: 1,
      end: 4,
      lines: ['before\n', 'new line here\n', 'after\n'],
    })
  })
})

test('a hunk whose own lines were changed elsewhere takes all of them out, and not only the first that could end it', () => {
  const text = (mark: ' ' | '+' | '-') => (line: string) => ({ mark, text: `${line}\n` })
  const end = ['  return day', '}', '']
  const gone = [
    '  while (a) day++',
    ...end,
    'function other(b) {',
    '  const today = start(b)',
    '  if (today > b) return today',
    '  while (c) day++',
  ]
  const hunk = [
    ...['function next(a) {', '  let day = 0'].map(text(' ')),
    ...gone.map(text('-')),
    text('+')('  while (a && b) day++'),
    ...end.map(text(' ')),
  ]
  const seen = [
    'x',
    'function next(a) {',
    '  let day = 0',
    ...gone.map((line) => line.replaceAll('today', 'now')),
    '  // told',
    ...end,
  ].map((line) => `${line}\n`)
  const placed = placeHunk(seen, hunk, { around: 0 })
  expect(placed).toEqual({ status: 'placed', start: 3, end: seen.length - 3, lines: ['  while (a && b) day++\n'] })
})

describe('getting a line wrong', () => {
  test.each([
    ['a.py', '    if a == b:\n', '    if a != b:\n'],
    ['a.py', '    if len(x) >= 3 and y:\n', '    if len(x) < 3 and y:\n'],
    ['a.py', '    if not ready:\n', '    if ready:\n'],
    ['a.py', '    if ready:\n', '    if not ready:\n'],
    ['a.py', '    if value is not None:\n', '    if value is None:\n'],
    ['a.ts', '  if (ready) return\n', '  if (!ready) return\n'],
    ['a.ts', '  const isSame = a===b\n', '  const isSame = a!==b\n'],
    ['a.ts', '  const f = (a: number): boolean => true\n', '  const f = (a: number): boolean => false\n'],
    ['a.go', '\treturn 41\n', '\treturn 42\n'],
  ])('%s: %j', (path, right, wrong) => {
    expect(alterLine(path, right)?.text).toBe(wrong)
  })

  test.each(['import a from "b"\n', '// a > b\n', 'const s = "a == b"\n', 'const f = (a) => a\n', '}\n'])(
    'leaves %j alone',
    (text) => {
      expect(alterLine('a.ts', text)).toBe(null)
    },
  )
})

describe('reading feedback', () => {
  const files = readGitPatch(
    Buffer.from(
      ['src/a.js', 'lib/deep/b.py', 'docs/with space.md', 'src/index.js', 'lib/index.js']
        .map(
          (path) =>
            `diff --git a/${path} b/${path}\n--- a/${path}\t\n+++ b/${path}\t\n@@ -10,1 +10,1 @@\n-a\n+b\n@@ -50,3 +50,3 @@\n x\n-a\n+b\n y\n`,
        )
        .join(''),
    ),
  )

  test.each<[string, Record<string, number[]>]>([
    ['src/a.js: the change around line 51 is missing.', { 'src/a.js': [1] }],
    ['`src/a.js`: lines 9 and 52 are wrong', { 'src/a.js': [0, 1] }],
    ['Look at (lib/deep/b.py).', { 'lib/deep/b.py': [0, 1] }],
    ['b.py, line 10, is off', { 'lib/deep/b.py': [0] }],
    ['docs/with space.md lacks something', { 'docs/with space.md': [0, 1] }],
    ['index.js is wrong', {}],
    ['lib/index.js is wrong, line 10; src/a.js too, lines 40-60', { 'src/a.js': [1], 'lib/index.js': [0] }],
    ['src/a.jsx and src/a.js.map are not of the reference', {}],
    ['src/[…].js: around line 51', { 'src/a.js': [1], 'src/index.js': [1] }],
    ['12 of the 40 tests still fail.', {}],
  ])('%s', (feedback, expected) => {
    const { loci } = readFeedback(feedback, files)
    expect(Object.fromEntries(loci.map((locus) => [pathOf(locus.file), [...locus.hunks]]))).toEqual(expected)
  })

  test('names that are not of the reference are given apart', () => {
    expect(readFeedback('NOTES.md: no part of this. See also src/a.js.', files).otherPaths).toEqual(['NOTES.md'])
  })
})

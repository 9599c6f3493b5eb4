import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { drawFlaws, planWork } from '../../src/scripted/flaws.ts'
import { readGitPatch, type FilePatch } from '../../src/scripted/gitPatch.ts'
import { renderHunkPatch } from '../../src/scripted/hunkPatch.ts'
import { judgePatches } from '../../src/scripted/judge.ts'
import { readFeedback } from '../../src/scripted/feedback.ts'
import type { FlawKind } from '../../src/scripted/settings.ts'
import { bash, buildExample } from './scriptedFixture.ts'
import { inventory } from './scriptedInventory.ts'

const place = { seed: 1, chain: 'c', n: '1', stage: 0 }

/** The patch of work with a flaw, without an agent in between. */
function flawedPatch(files: readonly FilePatch[], kind: FlawKind, seed = 1, hunk?: number): string {
  const work = planWork(files, drawFlaws([{ kind, share: 1, ...(hunk === undefined ? {} : { hunk }) }], place), {
    ...place,
    seed,
  })
  return work.files
    .filter((file) => file.isPlayed && !work.isIdle)
    .map(({ reference, hunks }) => {
      const played = hunks.flatMap((lines, index) =>
        lines ? [renderHunkPatch(reference, { ...reference.hunks[index]!, lines })] : [],
      )
      if (played.length === 0) return ''
      const header = reference.raw.slice(0, reference.raw.search(/^(---|GIT binary)/m)).replace(/^index.*\n/m, '')
      return header + [played[0]!, ...played.slice(1).map((part) => part.split('\n').slice(2).join('\n'))].join('')
    })
    .join('')
}

/** A patch to as many functions as asked for, far enough apart for a hunk each. */
function patchOfHunks(count: number): string {
  const body = (n: number, isNew: boolean) =>
    Array.from({ length: n }, (_, index) =>
      [
        `def part_${index}(value):`,
        ...Array.from({ length: 8 }, (_, line) => `    step_${index}_${line}(value)`),
        ...(isNew ? [`    limit = value * ${index + 2}`, `    if limit > ${index + 1}:`, '        return limit'] : []),
        '    return value',
        ...Array.from({ length: 8 }, (_, line) => `# rest ${index} ${line}`),
      ].join('\n'),
    ).join('\n')
  const write = (isNew: boolean) => `cat > a.py <<'END'\n${body(count, isNew)}\nEND`
  return buildExample([write(false), write(true)]).patches[0]!
}

describe('the judge of the scripted model', () => {
  const patch = () => buildExample(inventory.change).patches[0]!

  test('gives equal patches 1, empty and unrelated ones next to nothing', () => {
    const reference = patch()
    expect(judgePatches(reference, reference)).toEqual({
      score: 1,
      comment: 'The work has the effect of the reference.',
    })
    expect(judgePatches(reference, '').score).toBe(0)
    const other = buildExample(['echo a > a.txt', 'echo b > a.txt; seq 99 > numbers.txt']).patches[0]!
    expect(judgePatches(reference, other).score).toBeLessThanOrEqual(0.1)
  })

  test.each([1, 2, 3, 4, 5, 6])('with %i hunks: flaws score as they should', (count) => {
    const reference = patchOfHunks(count)
    const files = readGitPatch(Buffer.from(reference))
    const scoreOf = (kind: FlawKind, seed: number) => judgePatches(reference, flawedPatch(files, kind, seed)).score
    for (const seed of [1, 2, 3]) {
      expect(scoreOf('missing-hunk', seed)).toBeLessThan(0.8)
      expect(scoreOf('half', seed)).toBeLessThan(0.8)
      expect(scoreOf('wrong-condition', seed)).toBeLessThan(0.8)
      expect(scoreOf('equivalent', seed)).toBeGreaterThanOrEqual(0.8)
      expect(scoreOf('renamed', seed)).toBeGreaterThanOrEqual(0.8)
      expect(scoreOf('unrelated', seed)).toBe(0)
      expect(scoreOf('nothing', seed)).toBe(0)
    }
  })

  test('never takes a wrong condition for right, however large the rest', () => {
    const reference = patchOfHunks(20)
    const flawed = flawedPatch(readGitPatch(Buffer.from(reference)), 'wrong-condition')
    expect(flawed).not.toBe('')
    expect(judgePatches(reference, flawed).score).toBeLessThan(0.8)
  })

  test('sees past white space, comments, and other names for new symbols, and not past a changed comparison', () => {
    const base = 'def f(a):\n    return a\n'
    const write = (text: string) => `cat > a.py <<'END'\n${text}END`
    const patchTo = (text: string) => buildExample([write(base), write(text)]).patches[0]!
    const reference = patchTo('def f(a):\n    limit = len(a)\n    if limit > 3:\n        return None\n    return a\n')
    const score = (text: string) => judgePatches(reference, patchTo(text)).score
    expect(
      score(
        'def f(a):\n    # why\n    limit  =  len(a)  # so\n\n    if limit > 3:\n        return None\n    return a\n',
      ),
    ).toBe(1)
    expect(score('def f(a):\n    bound = len(a)\n    if bound > 3:\n        return None\n    return a\n')).toBe(1)
    expect(
      score('def f(a):\n    limit = len(a)\n    if limit >= 3:\n        return None\n    return a\n'),
    ).toBeLessThan(0.8)
    expect(
      score('def f(a):\n    limit = len(a)\n    if not limit > 3:\n        return None\n    return a\n'),
    ).toBeLessThan(0.8)
    expect(score('def f(a):\n    limit = len(a)\n    if limit > 4:\n        return None\n    return a\n')).toBeLessThan(
      0.8,
    )
  })

  test('lets the lines that go be told otherwise, as after earlier work of the agent’s own, and not the lines that come', () => {
    const write = (text: string) => `cat > a.js <<'END'\n${text}END`
    const old = (name: string) =>
      `function f(a) {\n  const ${name} = start(a) + a.at\n  if (${name} > a.time() && !rest(${name})) return ${name}\n  return null\n}\n`
    const made = 'function f(a) {\n  return next(a, (day) => day > a.at)\n}\n'
    const patchOf = (from: string, to: string) => buildExample([write(from), write(to)]).patches[0]!
    const reference = patchOf(old('today'), made)
    expect(judgePatches(reference, patchOf(old('todayHere'), made)).score).toBe(1)
    expect(judgePatches(reference, patchOf(old('todayHere'), made.replace('>', '>='))).score).toBeLessThan(0.8)
    expect(
      judgePatches(
        reference,
        patchOf(old('today'), old('today').replace('{', '{\n  return next(a, (day) => day > a.at)')),
      ).score,
    ).toBeLessThan(0.8)
  })

  test('takes off for much that was not asked for', () => {
    const reference = patch()
    const much = `diff --git a/x.py b/x.py\nnew file mode 100644\n--- /dev/null\n+++ b/x.py\n@@ -0,0 +1,200 @@\n${Array.from({ length: 200 }, (_, n) => `+def extra_${n}(): return ${n}\n`).join('')}`
    const { score } = judgePatches(reference, reference + much)
    expect(score).toBeLessThan(0.8)
    expect(score).toBeGreaterThanOrEqual(0.5)
  })

  test('leaves tests out of both patches', () => {
    const example = buildExample([
      'echo a > a.py; mkdir tests; echo t > tests/test_a.py',
      'echo b > a.py; echo u > tests/test_a.py',
      'echo t > tests/test_a.py',
    ])
    const [reference] = example.patches
    const own = reference!.slice(0, reference!.indexOf('diff --git a/tests/'))
    expect(own.length).toBeGreaterThan(0)
    expect(judgePatches(reference!, own).score).toBe(1)
    expect(judgePatches(own, reference!).score).toBe(1)
  })

  test('counts files that come, go, move, change mode, are links or binary', () => {
    const base =
      'seq 30 > old.txt; echo x > gone.txt; echo t > tool; ln -s a link; head -c 64 /dev/zero > pic; echo keep > keep'
    const steps = [
      'git mv old.txt new.txt',
      'rm gone.txt',
      'chmod 755 tool',
      'ln -sfn b link',
      'head -c 99 /dev/zero > pic',
      ': > empty.txt',
    ]
    const reference = buildExample([base, steps.join('; ')]).patches[0]!
    expect(judgePatches(reference, reference).score).toBe(1)
    for (const left of steps) {
      const other = buildExample([base, steps.filter((step) => step !== left).join('; ')]).patches[0]!
      const { score, comment } = judgePatches(reference, other)
      expect(score, left).toBeCloseTo((5 / 6) ** 2, 2)
      expect(comment).toMatch(/^\S+: the change of the file as a whole is missing or different\.$/)
    }
  })

  test('names file and line of the base for what is missing, and no code', () => {
    const example = buildExample(inventory.change)
    const reference = example.patches[0]!
    const lineOf = (text: string) =>
      bash(example.dir, `git show ${example.commits[0]}:src/stock.py | grep -nF ${JSON.stringify(text)} | cut -d: -f1`)
        .toString()
        .trim()
    const [middle, end] = [lineOf('return len(parts)'), lineOf("return part['name']")]
    const { comment } = judgePatches(reference, flawedPatch(readGitPatch(Buffer.from(reference)), 'missing-hunk', 1, 3))
    expect(comment).toBe(`src/stock.py: the change around line ${end} is missing or different.`)
    expect(judgePatches(reference, '').comment).toBe(
      `src/report.js: the change around line 5 is missing or different. src/stock.py: the changes around lines 4, ${middle} and ${end} are missing or different.`,
    )
  })

  test('points at hunks so that its reader finds these hunks and no others', () => {
    const reference = patchOfHunks(6)
    const files = readGitPatch(Buffer.from(reference))
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5 }), (hunk) => {
        const { comment } = judgePatches(reference, flawedPatch(files, 'missing-hunk', 1, hunk))
        expect(readFeedback(comment, files).loci.map((locus) => [...locus.hunks])).toEqual([[hunk]])
      }),
    )
  })

  test('takes patches whose last blank lines were cut off', () => {
    const reference = patch()
    expect(judgePatches(reference.trimEnd(), reference.trimEnd()).score).toBe(1)
  })
})

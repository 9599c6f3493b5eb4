import { describe, expect, it } from 'vitest'
import type { ChangeRange } from '../../src/git/port.ts'
import { makeLab, type GitLab } from './gitFixture.ts'

const START = [
  'def load_table(path):',
  '    return open_table(path)',
  '',
  '',
  'def save_table(path, rows):',
  '    write_rows(path, rows)',
  '',
].join('\n')

describe('what two changes have in common', () => {
  it('is the source files, the names that one of them defines or works on, and the lines of the earlier one', async () => {
    const lab = await makeLab({ 'src/table.py': START, 'docs/table.md': 'Tables\n', 'src/other.py': 'x_other = 1\n' })
    const earlier = await change(lab, {
      'src/table.py': START.replace('open_table(path)', 'open_table(path, codec=find_codec(path))'),
      'docs/table.md': 'Tables and codecs\n',
    })
    await lab.commit({ 'src/table.py': `import codecs\n\n${await text(lab, 'src/table.py')}` })
    const later = await change(lab, {
      'src/table.py': (await text(lab, 'src/table.py')).replace('codec=find_codec(path)', 'find_codec(path) or PLAIN'),
      'docs/table.md': 'Tables, codecs\n',
      'src/other.py': 'y_other = find_codec\n',
    })
    expect(await lab.repository.overlap(earlier, later)).toEqual({
      files: ['src/table.py'],
      symbols: ['load_table'],
      lines: 1,
    })
    expect(await lab.repository.changedSymbols(later)).toEqual(['load_table', 'x_other', 'y_other'])
    expect(await lab.repository.changedSymbols(later, ['src/other.py'])).toEqual(['x_other', 'y_other'])
  })

  it('follows the earlier one’s lines through what was put before them, into them, and through a rename', async () => {
    const lines = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i};\n`)
    const lab = await makeLab({ 'a.js': lines(1, 20).join('') })
    const earlier = await change(lab, { 'a.js': [...lines(1, 10), ...lines(101, 106), ...lines(11, 20)].join('') })
    await lab.commit({
      'a.js': null,
      'b.js': ['first;\n', ...lines(1, 10), ...lines(101, 103), 'within;\n', ...lines(105, 106), ...lines(11, 20)].join(
        '',
      ),
    })
    const later = await change(lab, {
      'b.js': ['first;\n', ...lines(1, 10), ...lines(103, 103), ...lines(106, 106), ...lines(11, 20)].join(''),
    })
    // Of 101 to 106 the one between took 104, and the later one 101, 102 and 105.
    expect(await lab.repository.overlap(earlier, later)).toMatchObject({ files: ['b.js'], lines: 3 })
  })

  it('is nothing where the changes share neither files nor names', async () => {
    const lab = await makeLab({ 'a.py': 'a = 1\n', 'b.py': 'b = 1\n' })
    const earlier = await change(lab, { 'a.py': 'alpha = 2\n' })
    const later = await change(lab, { 'b.py': 'beta = 2\n' })
    expect(await lab.repository.overlap(earlier, later)).toEqual({ files: [], symbols: [], lines: 0 })
  })

  it('reads paths with blanks, quotes and bytes that are no text, and lines that look like a patch', async () => {
    const names = ['a b.py', 'say "hi".py', 'smørbrød.py']
    const lab = await makeLab(Object.fromEntries(names.map((name) => [name, '-- a/x\n++ b/x\n@@ -1 +1 @@\nlast'])))
    const earlier = await change(
      lab,
      Object.fromEntries(names.map((name) => [name, '-- a/y\n++ b/y\n@@ -2 +2 @@\nend'])),
    )
    const later = await change(lab, Object.fromEntries(names.map((name) => [name, '-- a/z\n++ b/y\n@@ -2 +2 @@\nend'])))
    expect(await lab.repository.overlap(earlier, later)).toEqual({ files: names, symbols: [], lines: 3 })
  })
})

describe('who wrote what a change replaces', () => {
  it('is named by the target branch’s commits, most lines first', async () => {
    const lab = await makeLab({ 'a.py': 'one = 1\ntwo = 2\nthree = 3\n', 'readme.md': 'r\n' })
    const first = lab.git('rev-parse', 'HEAD')
    lab.git('checkout', '--quiet', '-b', 'work')
    await lab.commit({ 'a.py': 'one = 10\ntwo = 20\nthree = 3\n' }, 'inner')
    lab.git('checkout', '--quiet', 'main')
    lab.git('merge', '--quiet', '--no-ff', '-m', 'Merge pull request #1 from ada/work', 'work')
    const merge = lab.git('rev-parse', 'HEAD')
    const range = await change(lab, { 'a.py': 'one = 11\ntwo = 21\nthree = 31\nfour = 4\n', 'readme.md': 's\n' })
    expect(await lab.repository.replacedAuthors(range)).toEqual({
      commits: [
        { sha: merge, lines: 2 },
        { sha: first, lines: 1 },
      ],
      isWhole: true,
    })
    expect(await lab.repository.replacedAuthors(range, { limitMs: 0 })).toEqual({ commits: [], isWhole: false })
  })
})

async function change(lab: GitLab, files: Record<string, string | null>): Promise<ChangeRange> {
  const baseSha = lab.git('rev-parse', 'HEAD')
  return { baseSha, resultSha: await lab.commit(files) }
}

async function text(lab: GitLab, path: string): Promise<string> {
  return (await lab.repository.readFile(lab.git('rev-parse', 'HEAD'), path))!.toString()
}

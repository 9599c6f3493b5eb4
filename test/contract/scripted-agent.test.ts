import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { AGENT_TOOLS } from '../../src/agent/tools.ts'
import type { Message, Tool } from '../../src/formats/chat.ts'
import { judgePatches } from '../../src/scripted/judge.ts'
import {
  ask,
  bash,
  buildExample,
  captureTree,
  listTree,
  MINI_TOOLS,
  openStudio,
  patchOf,
  pathsTouched,
  playHeaders,
  playRoundIn,
  type Example,
} from './scriptedFixture.ts'
import { inventory } from './scriptedInventory.ts'

const numbered = (name: string, count: number) => `for i in $(seq ${count}); do echo "${name} line $i"; done > ${name}`

/** Every way in which a path can change. */
const KINDS = [
  [
    'mkdir -p src lib bin data',
    numbered('src/long.txt', 400),
    'yes "the same line again" | head -n 120 > src/same.txt',
    "printf 'no end' > src/noend.txt; printf 'first\\r\\nsecond\\r\\nthird\\r\\n' > src/windows.txt",
    "printf 'caf\\xe9 one\\nplain two\\nplain three\\n' > src/latin.txt",
    'echo gone > src/gone.txt; : > src/empty.txt; : > lib/mark',
    'seq 30 > lib/old.txt; echo plain > bin/tool; chmod 644 bin/tool; printf "#!/bin/sh\\n" > bin/was; chmod 755 bin/was',
    'ln -s ../src/long.txt lib/link; echo real > lib/becomes-link; ln -s nowhere lib/becomes-file',
    'head -c 3000 /dev/zero | tr "\\0" "\\1" > data/picture.bin; printf "\\0binary" >> data/picture.bin; printf "\\0drop" > data/drop.bin',
    'echo spaced > "src/with space.txt"; echo quoted > "src/with \'quote.txt"; echo accent > src/é.txt',
  ].join('\n'),
  [
    "sed -i '20s/.*/changed twenty/; 21,23d; 200a inserted after two hundred' src/long.txt; sed -i '399s/.*/near the end/' src/long.txt",
    "sed -i '60s/.*/sixty is another/; 90d' src/same.txt",
    "printf 'an end\\n' > src/noend.txt; printf 'first\\r\\nSECOND\\r\\nthird\\r\\n' > src/windows.txt",
    "printf 'caf\\xe9 one\\nplain 2 \\xe8\\nplain three\\n' > src/latin.txt; printf 'new latin \\xff\\n' > src/newlatin.txt",
    'rm src/gone.txt data/drop.bin; printf "was empty\\n" > src/empty.txt; mkdir -p deep/er; printf "brand\\nnew" > deep/er/new.txt; : > deep/er/empty',
    'git mv lib/old.txt deep/renamed.txt; sed -i "15s/.*/fifteen/" deep/renamed.txt; git mv lib/mark deep/mark',
    'chmod 755 bin/tool; chmod 644 bin/was; printf "#!/bin/sh\\necho run\\n" > bin/script; chmod 755 bin/script',
    'ln -sfn ../src/same.txt lib/link; rm lib/becomes-link; ln -s other lib/becomes-link; rm lib/becomes-file; echo file now > lib/becomes-file; ln -s a/b lib/newlink',
    'printf "more\\0" >> data/picture.bin; head -c 100000 /dev/urandom > data/new.bin; : > src/same-name',
    'echo changed > "src/with space.txt"; echo "it\'s changed" > "src/with \'quote.txt"; echo changed > src/é.txt; echo new > "src/tab\there.txt"',
  ].join('\n'),
]

/** Plays round 0 of the first stage and gives what came out. */
async function playFirst(
  example: Example,
  settings: unknown = {},
  options: { tools?: readonly Tool[]; seed?: number } = {},
) {
  const studio = await openStudio({ example, settings, ...(options.seed === undefined ? {} : { seed: options.seed }) })
  const dir = studio.checkOut(example.commits[0]!)
  const messages: Message[] = [{ role: 'system', content: 'You work.' }]
  const { chain, url } = studio
  const calls = await playRoundIn({
    url,
    dir,
    chain,
    messages,
    opening: '# Request 1',
    ...(options.tools ? { tools: options.tools } : {}),
  })
  return { ...studio, dir, messages, calls, captured: captureTree(example, dir, example.commits[0]!) }
}

describe('the agent of the scripted model', () => {
  test('reproduces a reference with every kind of change exactly, by its tools alone', async () => {
    const example = buildExample(KINDS)
    const { captured, calls } = await playFirst(example)
    expect(captured.files).toEqual(listTree(example, example.commits[1]!))
    const known = new Set(AGENT_TOOLS.map((tool) => tool.function.name))
    expect(calls.every((call) => known.has(call.function.name))).toBe(true)
    expect(calls.at(-1)!.function.name).toBe('submit')
    expect(pathsTouched(calls)).toContain('src/long.txt')
  })

  test('uses only the tools that the request names', async () => {
    const example = buildExample(KINDS)
    for (const names of [['shell'], ['shell', 'submit', 'edit'], ['shell', 'view', 'write', 'submit']]) {
      const tools = AGENT_TOOLS.filter((tool) => names.includes(tool.function.name))
      const { captured, calls } = await playFirst(example, {}, { tools })
      expect(captured.files, names.join(' ')).toEqual(listTree(example, example.commits[1]!))
      expect(calls.every((call) => names.includes(call.function.name))).toBe(true)
    }
  })

  test('reads in parts what mini-swe-agent shows cut: every kind of change, and files of every size around its limit', async () => {
    const sizes = [330, 480, 560, 640, 700, 760, 900, 1_200]
    const example = buildExample([
      `${KINDS[0]}\n${sizes.map((lines) => numbered(`n${lines}`, lines)).join('\n')}
       head -c 12000 /dev/zero | tr '\\0' x > long-line; echo >> long-line; head -c 14000 /dev/urandom > bytes.bin
       (head -c 12000 /dev/zero | tr '\\0' '\\351'; printf '\\nplain\\n') > wide.txt`,
      `${KINDS[1]}\nsed -i '300s/.*/three hundred/' n*; sed -i '1s/x/y/' long-line; printf x >> bytes.bin
       sed -i 's/plain/other/' wide.txt`,
    ])
    const { captured, calls } = await playFirst(example, {}, { tools: MINI_TOOLS })
    expect(captured.files).toEqual(listTree(example, example.commits[1]!))
    expect(calls.every((call) => call.function.name === 'bash')).toBe(true)
  })

  test('makes a large patch of a large file without reading it', async () => {
    const example = buildExample([numbered('big.txt', 40_000), "sed -i '30000s/.*/other/; 100d' big.txt"])
    const { captured, calls } = await playFirst(example)
    expect(captured.files).toEqual(listTree(example, example.commits[1]!))
    expect(calls.length).toBeLessThan(10)
  })

  test('leaves the tests of the reference alone unless it is told otherwise', async () => {
    const example = buildExample(['echo a > a.py; echo t > a_test.py', 'echo b > a.py; echo u > a_test.py'])
    const studio = await openStudio({ example, testFiles: ['a_test.py'] })
    const dir = studio.checkOut(example.commits[0]!)
    const common = { ...studio, dir, opening: 'go' }
    await playRoundIn({ ...common, messages: [] })
    expect([readFileSync(join(dir, 'a.py'), 'utf8'), readFileSync(join(dir, 'a_test.py'), 'utf8')]).toEqual([
      'b\n',
      't\n',
    ])
    await postSettings(studio.url, { includeTests: true })
    await playRoundIn({ ...common, messages: [] })
    expect(readFileSync(join(dir, 'a_test.py'), 'utf8')).toBe('u\n')
  })

  test('finds the places of its edits again where the work tree has moved on', async () => {
    const example = buildExample([numbered('a.txt', 60), "sed -i '30s/.*/thirty changed/; 31a and one more' a.txt"])
    const studio = await openStudio({ example })
    const dir = studio.checkOut(example.commits[0]!)
    bash(
      dir,
      "sed -i '1i new head one\\nnew head two' a.txt; sed -i 's/line 29$/line 29 as told elsewhere/; s/line 34$/line 34 too/' a.txt",
    )
    await playRoundIn({ ...studio, dir, messages: [], opening: 'go' })
    const lines = readFileSync(join(dir, 'a.txt'), 'utf8').split('\n')
    expect(lines.slice(30, 35)).toEqual([
      'a.txt line 29 as told elsewhere',
      'thirty changed',
      'a.txt line 31',
      'and one more',
      'a.txt line 32',
    ])
    expect(lines[36]).toBe('a.txt line 34 too')
  })

  test('plays later stages of the same conversation on its own earlier work', async () => {
    const example = buildExample([
      numbered('a.txt', 40),
      "sed -i '10s/.*/ten/' a.txt",
      "sed -i '12s/.*/twelve/; 30d' a.txt",
    ])
    const studio = await openStudio({ example })
    const dir = studio.checkOut(example.commits[0]!)
    const messages: Message[] = [{ role: 'system', content: 's' }]
    await playRoundIn({ ...studio, dir, messages, opening: '# Request 1' })
    await playRoundIn({ ...studio, dir, messages, opening: '# Request 2', stage: 1 })
    expect(captureTree(example, dir, example.commits[0]!).files).toEqual(listTree(example, example.commits[2]!))
  })

  test('keeps the names that it gave to new symbols in an earlier stage', async () => {
    const example = buildExample(inventory.withSecondStage)
    const studio = await openStudio({
      example,
      settings: { chains: { [chainOf(2)]: { stages: { 0: { flaws: ['renamed'] } } } } },
    })
    const dir = studio.checkOut(example.commits[0]!)
    const messages: Message[] = []
    await playRoundIn({ ...studio, dir, messages, opening: '# Request 1' })
    expect(readFileSync(join(dir, 'src/stock.py'), 'utf8')).not.toMatch(/\breorder_level\b/)
    await playRoundIn({ ...studio, dir, messages, opening: '# Request 2', stage: 1 })
    const text = readFileSync(join(dir, 'src/stock.py'), 'utf8')
    expect(text).not.toMatch(/\breorder_level\b/)
    expect(text).toMatch(/REORDER_STEP_\w+ \* reorder_level_\w+/)
  })

  test('takes extra steps that leave one marker each, two tool calls in a message when told, and runs a test command', async () => {
    const example = buildExample(['echo a > a.txt; echo b > b.txt', 'echo c > a.txt; echo d > b.txt'])
    const { dir, messages, calls } = await playFirst(example, {
      extraSteps: 5,
      parallel: true,
      testCommand: 'echo tested > ../tested',
    })
    const markers = readFileSync(join(dirname(dir), 'markers'), 'utf8')
      .trim()
      .split('\n')
    expect(markers).toEqual([0, 1, 2, 3, 4].map((step) => `c/${chainOf(1)}/1.0.0.${step}`))
    const looks = messages.filter((message) => message.role === 'assistant').slice(0, 2)
    expect(looks.map((message) => message.tool_calls?.length)).toEqual([2, 2])
    expect(existsSync(join(dirname(dir), 'tested'))).toBe(true)
    expect(calls.at(-2)!.function.arguments).toContain('echo tested')
  })

  test('answers once without a tool call and once with arguments that are not JSON, and then does its work', async () => {
    const example = buildExample(KINDS)
    const { captured, messages } = await playFirst(example, { flaws: ['no-tool-call', 'bad-arguments'] })
    expect(captured.files).toEqual(listTree(example, example.commits[1]!))
    const replies = messages.filter((message) => message.role === 'assistant')
    expect(replies.filter((message) => !message.tool_calls)).toHaveLength(1)
    const isBroken = (text: string) => {
      try {
        JSON.parse(text)
        return false
      } catch {
        return true
      }
    }
    expect(
      replies.flatMap((message) => message.tool_calls ?? []).filter((call) => isBroken(call.function.arguments)),
    ).toHaveLength(1)
  })

  test('plays alike for the same seed and otherwise for another, byte for byte', async () => {
    const example = buildExample(inventory.change)
    const play = async (seed: number) => {
      const { messages, captured } = await playFirst(example, { flaws: ['missing-hunk'] }, { seed })
      return { messages, patch: captured.patch }
    }
    const [first, again] = [await play(3), await play(3)]
    expect(JSON.stringify(again)).toBe(JSON.stringify(first))
    const others = await Promise.all([4, 5, 6, 8, 9].map(async (seed) => (await play(seed)).patch))
    expect(new Set([first.patch, ...others]).size).toBeGreaterThan(1)
  })

  test('is a function of the conversation: a request in the middle gets the same reply from a new server', async () => {
    const example = buildExample(KINDS)
    const { messages } = await playFirst(example)
    const other = await openStudio({ example })
    for (let at = 3; at < messages.length; at += 7) {
      if (messages[at]!.role !== 'assistant') continue
      const body = { model: 'm', messages: messages.slice(0, at), tools: AGENT_TOOLS }
      const answer = await ask(other.url, body, playHeaders({ chain: other.chain, rollout: `c/${other.chain}/1` }))
      const { choices } = (await answer.json()) as { choices: [{ message: Message }] }
      expect(choices[0].message).toEqual(messages[at])
    }
  })

  test('takes a rollout of 1,165 steps at a steady pace', async () => {
    const example = buildExample(inventory.change)
    const { calls, captured } = await playFirst(example, { extraSteps: 1_150 })
    expect(calls.length).toBeGreaterThan(1_150)
    expect(captured.files).toEqual(listTree(example, example.commits[1]!))
  })
})

describe('flaws and their repair', () => {
  const example = () => buildExample(inventory.change)
  const reference = (one: Example) => bash(one.dir, `git rev-parse ${one.commits[1]}^{tree}`).toString().trim()

  /** Plays round 0 with flaws, then rounds with the judge's own comments, and gives the trees in between. */
  async function refine(settings: object, rounds: number) {
    const one = example()
    const first = await playFirst(one, settings)
    const trees = [first.captured.tree]
    const edits: string[][] = []
    let { patch } = first.captured
    for (let round = 1; round <= rounds; round++) {
      const { comment } = judgePatches(one.patches[0]!, patch)
      const opening = `Your work on this request was reviewed and is not accepted yet.\n\n${comment}\n`
      const calls = await playRoundIn({ ...first, opening, round })
      edits.push([...new Set(pathsTouched(calls))])
      const captured = captureTree(one, first.dir, one.commits[0]!)
      trees.push(captured.tree)
      patch = captured.patch
    }
    return { ...first, one, trees, edits, reference: reference(one) }
  }

  test.each(['missing-hunk', 'half', 'wrong-condition', 'nothing'])(
    '%s is wrong first and right after the feedback',
    async (flaw) => {
      const { trees, reference: right } = await refine({ flaws: [flaw] }, 1)
      expect(trees[0]).not.toBe(right)
      expect(trees[1]).toBe(right)
    },
  )

  test.each(['half', 'missing-hunk', 'wrong-condition'])(
    'a patch of one hunk with %s is repaired, though the same lines stand elsewhere',
    async (flaw) => {
      const block = (body: string) => `def f(a):\n${body}    return a\n\n\n`
      const rest = Array.from({ length: 30 }, (_, n) => `x${n} = ${n}\n`).join('')
      const right = '    if a > 3:\n        a = a - 1\n        note(a)\n'
      const write = (body: string) =>
        `cat > a.py <<'END'\n${rest}${block(body)}${rest}${block(right)}${rest}${block('')}END`
      const one = buildExample([write(''), write(right)])
      const first = await playFirst(one, { flaws: [flaw] })
      expect(first.captured.files).not.toEqual(listTree(one, one.commits[1]!))
      const { score, comment } = judgePatches(one.patches[0]!, first.captured.patch)
      expect(score).toBeLessThan(0.8)
      await playRoundIn({ ...first, opening: comment, round: 1 })
      expect(captureTree(one, first.dir, one.commits[0]!).files).toEqual(listTree(one, one.commits[1]!))
    },
  )

  test('unrelated work is refused, and after the feedback the notes are gone and the work is done', async () => {
    const { trees, one, dir, captured } = await refine({ flaws: ['unrelated'] }, 1)
    expect(judgePatches(one.patches[0]!, captured.patch).score).toBe(0)
    expect(captured.patch).toContain('NOTES-scripted.md')
    expect(existsSync(join(dir, 'NOTES-scripted.md'))).toBe(false)
    expect(judgePatches(one.patches[0]!, patchOf(one.dir, one.commits[0]!, trees[1]!)).score).toBe(1)
  })

  test('which hunk is missing can be told', async () => {
    for (const hunk of [0, 1, 2, 3]) {
      const { captured } = await playFirst(example(), { flaws: [{ kind: 'missing-hunk', hunk }] })
      const text = captured.patch
      expect(inventory.marks.map((mark) => text.includes(mark))).toEqual(
        inventory.marks.map((_, index) => index !== hunk),
      )
    }
  })

  test('repairs only what the feedback names, and other feedback leads to another edit', async () => {
    const named = async (feedback: string) => {
      const first = await playFirst(example(), { flaws: ['nothing'] })
      return pathsTouched(await playRoundIn({ ...first, opening: feedback, round: 1 }))
    }
    expect(await named('src/stock.py: something is missing.')).toEqual(['src/stock.py', 'src/stock.py', 'src/stock.py'])
    expect(await named('src/report.js: something is missing.')).toEqual(['src/report.js'])
    expect(await named('stock.py: the change around line 43 is missing or different.')).toEqual(['src/stock.py'])
    expect(await named('In src/[…].js the report is wrong.')).toEqual(['src/report.js'])
    expect(await named('It does not work.')).toEqual([])
    expect(await named('See tests/test_stock.py::test_all, which fails.')).toEqual([])
  })

  test('follows the line that is named: another line, another passage', async () => {
    const editAt = async (line: number) => {
      const first = await playFirst(example(), { flaws: ['nothing'] })
      const calls = await playRoundIn({
        ...first,
        opening: `src/stock.py: the change around line ${line} is missing.`,
        round: 1,
      })
      return calls.filter((call) => call.function.name === 'edit').map((call) => call.function.arguments)
    }
    const [near, far] = [await editAt(5), await editAt(43)]
    expect([near.length, far.length]).toEqual([1, 1])
    expect(near).not.toEqual(far)
  })

  test('what is never to be repaired stays, and repairs can begin later', async () => {
    const never = await refine({ flaws: ['half'], repair: 'never' }, 2)
    expect(new Set(never.trees).size).toBe(1)
    const late = await refine({ flaws: ['half'], repairAfterRound: 1 }, 2)
    expect(late.trees[1]).toBe(late.trees[0])
    expect(late.trees[2]).toBe(late.reference)
    expect(late.edits[0]).toEqual([])
  })

  test('an equivalent way differs from the reference, and so do other names', async () => {
    for (const flaw of ['equivalent', 'renamed']) {
      const one = example()
      const { captured, dir } = await playFirst(one, { flaws: [flaw] })
      expect(captured.tree).not.toBe(reference(one))
      expect(statSync(join(dir, 'src/stock.py')).size).toBeGreaterThan(0)
      expect(judgePatches(one.patches[0]!, captured.patch).score).toBeGreaterThanOrEqual(0.8)
      bash(dir, 'python3 -m py_compile src/stock.py && node --check src/report.js')
    }
  })

  test('a share of rollouts has the flaw', async () => {
    const one = example()
    const studio = await openStudio({ example: one, settings: { flaws: [{ kind: 'nothing', share: 0.5 }] } })
    const idle: boolean[] = []
    for (let n = 1; n <= 12; n++) {
      const dir = studio.checkOut(one.commits[0]!)
      const calls = await playRoundIn({
        ...studio,
        dir,
        messages: [],
        opening: 'go',
        rollout: `c/${studio.chain}/${n}`,
      })
      idle.push(calls.length === 1)
    }
    expect(new Set(idle)).toEqual(new Set([true, false]))
  })
})

function chainOf(length: number): string {
  return `octo__example.${Array.from({ length }, (_, index) => index + 1).join('-')}`
}

async function postSettings(url: string, settings: unknown): Promise<void> {
  const root = url.replace(/\/v1$/, '')
  const answer = await fetch(`${root}/scripted/settings`, { method: 'POST', body: JSON.stringify(settings) })
  expect(answer.status).toBe(200)
}

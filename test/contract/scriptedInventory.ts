const heredoc = (path: string, text: string) => `mkdir -p "$(dirname ${path})"; cat > ${path} <<'END'\n${text}END`

const filler = (name: string, count: number) =>
  Array.from({ length: count }, (_, n) => `def ${name}_${n}(value):\n    return value + ${n}\n`).join('\n')

const stock = (middle: string, tail: string, head = '') => `"""A stock of parts."""
import json
import os
${head}

def load(path):
    with open(path) as file:
        return json.load(file)


${filler('shift', 10)}

def count(parts):
${middle}

${filler('grow', 5)}

def name(part):
${tail}`

const before = stock('    return len(parts)\n', "    return part['name']\n")
const after = stock(
  `    total = 0
    for part in parts:
        if part['count'] > 0 and not part.get('hidden'):
            total += part['count']
    return total


def reorder_level(parts, minimum_count=5):
    level = count(parts)
    return level <= minimum_count
`,
  "    label = part.get('label')\n    if label is not None:\n        return label\n    return part['name']\n",
  'import re\nimport sys\n\nREORDER_STEP = 12\n',
)

const report = (body: string) => `import { readFileSync } from 'node:fs'

export function report(path) {
  const parts = JSON.parse(readFileSync(path, 'utf8'))
${body}}
`

/** A small project in Python and JavaScript, and changes to it. */
export const inventory = {
  /** The base, and a change of three hunks in one file and one in another, a new file, and tests. */
  change: [
    [
      heredoc('src/stock.py', before),
      heredoc('src/report.js', report('  return parts.length\n')),
      heredoc('tests/test_stock.py', 'import stock\n'),
    ].join('\n'),
    [
      heredoc('src/stock.py', after),
      heredoc(
        'src/report.js',
        report(
          "  const wanted = parts.filter((part) => part.count >= 1)\n  return wanted.map((part) => part.name).join(', ')\n",
        ),
      ),
    ].join('\n'),
  ],
  /** Something that only each change of `change` adds, in the order of the patch. */
  marks: ['wanted', 'REORDER_STEP', 'minimum_count', 'label is not None'],
  /** The same with a second stage that builds on the new names. */
  get withSecondStage(): string[] {
    return [
      ...inventory.change,
      `sed -i 's/return level <= minimum_count/return level <= minimum_count or level <= REORDER_STEP * reorder_level(parts)/' src/stock.py`,
    ]
  },
}

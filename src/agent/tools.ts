import type { Tool } from '../formats/chat.ts'

const path = { type: 'string', description: 'A path relative to the repository.' }

/** The native agent's tools, as they are sent to the model. */
export const AGENT_TOOLS: readonly Tool[] = [
  tool(
    'shell',
    'Run a bash command in the repository. Standard output and error come back together; of a long output head and tail, and the whole as a file. What it leaves running in the background is stopped when it ends.',
    { command: { type: 'string', description: 'The command.' } },
  ),
  tool(
    'search',
    'Find lines in the files of the repository, as `path:line:text`. Files that git ignores are left out unless `path` is one.',
    {
      pattern: { type: 'string', description: 'An extended regular expression, as of `grep -E`.' },
      path: { type: 'string', description: 'The file or folder to look in; the whole repository without it.' },
      glob: { type: 'string', description: 'Only files with such a name, as `*.py`.' },
    },
    ['pattern'],
  ),
  tool(
    'view',
    'Show a text file, or lines of it, as it stands; or the names in a folder.',
    {
      path,
      start: { type: 'integer', description: 'First line, from 1.' },
      end: { type: 'integer', description: 'Last line.' },
    },
    ['path'],
  ),
  tool('edit', 'Replace one passage of a text file. `old` must occur exactly once, or nothing is changed.', {
    path,
    old: { type: 'string', description: 'The passage as it stands, with enough lines around it to be unique.' },
    new: { type: 'string', description: 'What stands there afterwards.' },
  }),
  tool('write', 'Write a whole text file, making its folders.', {
    path,
    content: { type: 'string', description: "The file's whole content." },
  }),
  tool('submit', 'End your work on this request. Nothing can be changed afterwards.', {
    summary: { type: 'string', description: 'What was changed, in a sentence or two.' },
  }),
]

function tool(
  name: string,
  description: string,
  properties: Record<string, unknown>,
  required = Object.keys(properties),
): Tool {
  return {
    type: 'function',
    function: { name, description, parameters: { type: 'object', properties, required, additionalProperties: false } },
  }
}

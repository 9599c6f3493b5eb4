/**
 * All that a scaffold is asked that cannot go on with a conversation: what it was asked in earlier stages, the message that
 * opened this one, and what was said of its work since. Its work tree is as it left it.
 */
export function storyOf(earlier: readonly string[], [opening, ...feedback]: readonly string[]): string {
  const before = earlier.map((text, index) => `<earlier_request number="${index + 1}">\n${text}\n</earlier_request>`)
  const parts =
    before.length === 0
      ? [opening!]
      : [
          'You have worked in this repository before. These were the requests, and your work on them is done:',
          ...before,
          'This is the request now:',
          opening!,
        ]
  if (feedback.length === 0) return parts.join('\n\n')
  return [
    ...parts,
    'You have worked on this already: your changes are in the work tree. They were reviewed, and were not accepted yet.',
    ...feedback.slice(0, -1).map((text, index) => `What was said of your work, round ${index + 1}:\n\n${text}`),
    `What was said of your work last, which is what you are to mend now:\n\n${feedback.at(-1)!}`,
  ].join('\n\n')
}

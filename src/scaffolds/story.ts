/**
 * All that a scaffold is asked that cannot go on with a conversation: the message that opened the stage, and what was
 * said of its work since. Its work tree is as it left it.
 */
export function storyOf([opening, ...feedback]: readonly string[]): string {
  if (feedback.length === 0) return opening!
  return [
    opening!,
    'You have worked on this already: your changes are in the work tree. They were reviewed, and were not accepted yet.',
    ...feedback.slice(0, -1).map((text, index) => `What was said of your work, round ${index + 1}:\n\n${text}`),
    `What was said of your work last, which is what you are to mend now:\n\n${feedback.at(-1)!}`,
  ].join('\n\n')
}

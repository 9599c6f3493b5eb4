import { drawOne } from './seed.ts'

const PHRASES = {
  survey: [
    ['Start with what is there before touching anything.', 'Let me look around first.'],
    ['The request names an area; the files in it come first.', 'I will see what the repository holds.'],
    ['First an overview of the folder and the files in question.', 'A look at the repository to begin with.'],
  ],
  look: [
    ['What stands in {path} now decides how to change it.', 'Reading {path}.'],
    ['{path} is where the behaviour lives, so I read it as it is.', 'Let me read {path}.'],
    ['Before an edit I want to see {path} itself.', 'Opening {path}.'],
  ],
  again: [
    ['What I read is no longer before me; without it I would be guessing.', 'I look again at what I need.'],
    [
      'The files that I read were left out to make room; they are quickly read again.',
      'Once more a look at the files.',
    ],
  ],
  search: [
    ['Where is this used? A search tells what else a change would touch.', 'Looking for what goes with {path}.'],
    ['Before {path} changes I want to know who speaks of it.', 'Searching for mentions of {path}.'],
  ],
  extra: [['A small step on the way.', 'Noting where I am.']],
  edit: [
    ['The place in {path} is clear; a small edit keeps the rest as it is.', 'Changing {path}.'],
    ['One passage of {path} has to change here.', 'An edit in {path}.'],
    ['This part of {path} does not do yet what was asked.', 'Adjusting {path}.'],
  ],
  write: [
    ['{path} is best written as a whole.', 'Writing {path}.'],
    ['The request needs {path} in one piece.', 'Putting {path} in place.'],
  ],
  move: [
    ['{path} has to be arranged in the work tree itself.', 'Arranging {path} with the shell.'],
    ['No edit does this for {path}; the shell does.', 'Using the shell for {path}.'],
  ],
  test: [
    ['Run the tests before handing over.', 'Running the tests.'],
    ['A check that nothing else broke.', 'Let me run the checks.'],
  ],
  repair: [
    ['The review names places; those files are read again.', 'Taking the review up.'],
    ['The feedback points at files, so I begin with them.', 'Back to the files that the review names.'],
  ],
  unclear: [
    [
      'The review names no file of mine that I could take up.',
      'The feedback names no place; I read my work once more and leave it.',
    ],
    [
      'Without a place in the feedback there is nothing to go by.',
      'The review gives no file to change; a look again, and no change.',
    ],
  ],
  stay: [['I have read the review and hold to what is there.', 'I leave the work as it stands.']],
  submit: [
    ['What was asked is in place.', 'Handing the work over.'],
    ['Nothing is left on my list.', 'Submitting.'],
  ],
  silent: [['I think about how to begin.', 'Let me think about this for a moment.']],
} as const satisfies Record<string, readonly (readonly [string, string])[]>

/** What the agent can be about. */
export type Matter = keyof typeof PHRASES

/** What the agent thinks and says at a step: a phrase for the matter, drawn by the seed. */
export function phraseFor(
  matter: Matter,
  path: string,
  seed: number,
  ...place: readonly (string | number)[]
): { think: string; say: string } {
  const [think, say] = drawOne<readonly [string, string]>(PHRASES[matter], seed, matter, ...place)
  return { think: think.replace('{path}', path), say: say.replace('{path}', path) }
}

/** Whether the agent said something, word for word, about a matter that names no path. */
export function isOfMatter(matter: Matter, said: string): boolean {
  return PHRASES[matter].some(([, say]) => say === said)
}

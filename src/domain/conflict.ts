import type { CarryOver } from '../formats/carryOver.ts'

type Conflict = CarryOver['conflicts'][number]

const MARKER = /^(<<<<<<< upstream|\|{7}( |$)|>>>>>>> yours)/m

/** Whether a text still holds a conflict marker of carry-over's, at the beginning of a line. */
export function hasMarker(text: string): boolean {
  return MARKER.test(text)
}

/** What happened at a conflicting path, for the agent and for people. */
export function describeConflict({ path, kind }: Conflict): string {
  switch (kind) {
    case 'content':
      return `${path}: upstream and you changed the same lines; both are in the file, between markers`
    case 'added-twice':
      return `${path}: upstream and you both added it; both are in the file, between markers`
    case 'deleted-upstream':
      return `${path}: upstream deleted it and you changed it; your version is there`
    case 'deleted-by-agent':
      return `${path}: you deleted it and upstream changed it; upstream's version is there`
    case 'binary':
      return `${path}: upstream and you changed a file that is not text; upstream's version is there`
    case 'other':
      return `${path}: names or kinds of files collide`
    default:
      return kind satisfies never
  }
}

/** As many of some conflicts' paths as a reason has room for. */
export function shortenConflicts(conflicts: readonly Conflict[]): string {
  const shown = conflicts
    .slice(0, 10)
    .map(({ path }) => path)
    .join(', ')
  return conflicts.length > 10 ? `${shown} and ${conflicts.length - 10} more` : shown
}

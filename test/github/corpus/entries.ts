import type { Json, ListedEntries } from '../../../src/github/recordedRepository.ts'
import type { Place } from './citation.ts'
import type { Skeleton } from './skeleton.ts'
import { timeOf } from './thread.ts'

/** The comments, or the review comments, of a whole repository in the order in which they were written. */
export interface Remarks {
  length: number
  /** Milliseconds since 1970. */
  at(position: number): number
  owner(position: number): number
  slot(position: number): number
  /** Where comment `slot` of a thread stands: its id. */
  position(number: number, slot: number): number
}

/** Puts all remarks of a kind in order of their times. `counts` says how many a number has. */
export function orderRemarks(skeleton: Skeleton, place: Place, counts: (number: number) => number): Remarks {
  const numbers = skeleton.bones.length - 1
  const starts = new Uint32Array(numbers + 2)
  for (let number = 1; number <= numbers; number += 1) starts[number + 1] = starts[number]! + counts(number)
  const length = starts[numbers + 1]!
  const owners = new Uint32Array(length)
  const times = new Float64Array(length)
  for (let number = 1; number <= numbers; number += 1) {
    for (let at = starts[number]!; at < starts[number + 1]!; at += 1) {
      owners[at] = number
      times[at] = timeOf(skeleton, number, place, at - starts[number]!)
    }
  }
  const order = Uint32Array.from({ length }, (_, index) => index).sort((a, b) => times[a]! - times[b]! || a - b)
  const positions = new Uint32Array(length)
  for (const [position, index] of order.entries()) positions[index] = position
  const owner = (position: number) => owners[order[position]!]!
  return {
    length,
    at: (position) => times[order[position]!]!,
    owner,
    slot: (position) => order[position]! - starts[owner(position)]!,
    position: (number, slot) => positions[starts[number]! + slot]!,
  }
}

/** A list of the repository's numbers, all or some of them. */
export function listNumbers(
  numbers: readonly number[],
  read: {
    createdAt: (number: number) => number
    updatedAt: (number: number) => number
    isOpen: (number: number) => boolean
    entry: (number: number) => Json
  },
): ListedEntries {
  return {
    length: numbers.length,
    createdAt: (index) => read.createdAt(numbers[index]!),
    updatedAt: (index) => read.updatedAt(numbers[index]!),
    state: (index) => (read.isOpen(numbers[index]!) ? 'open' : 'closed'),
    entry: (index) => read.entry(numbers[index]!),
  }
}

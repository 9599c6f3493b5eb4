const NAMES = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']

/** The number of a weekday by its English name, from 0 for Sunday, or null when it is none. */
export function parseWeekday(word) {
  const index = NAMES.indexOf(word.toLowerCase())
  return index === -1 ? null : index
}

/** Whether a date falls on Saturday or Sunday, in UTC. */
export function isWeekend(date) {
  return date.getUTCDay() === 0 || date.getUTCDay() === 6
}

const TIME_OF_DAY = /^(\d{1,2}):(\d{2})$/

/** Milliseconds since midnight of a text such as `9:30` or `17:00`. Throws RangeError for anything else. */
export function parseTimeOfDay(text) {
  const match = TIME_OF_DAY.exec(text.trim())
  const [hours, minutes] = match ? [Number(match[1]), Number(match[2])] : [24, 0]
  if (hours > 23 || minutes > 59) throw new RangeError(`not a time of day: ${text}`)
  return (hours * 60 + minutes) * 60_000
}

/** The times of a text such as `9:00`, `9:00 and 17:00` or `8:00, 12:00 and 17:00`, in order, each once. */
export function parseTimesOfDay(text) {
  const times = text.split(/\s*,\s*(?:and\s+)?|\s+and\s+/).map(parseTimeOfDay)
  return Object.freeze([...new Set(times)].sort((a, b) => a - b))
}

const TIME_OF_DAY = /^(\d{1,2}):(\d{2})$/

/** Milliseconds since midnight of a text such as `9:30` or `17:00`. Throws RangeError for anything else. */
export function parseTimeOfDay(text) {
  const match = TIME_OF_DAY.exec(text.trim())
  const [hours, minutes] = match ? [Number(match[1]), Number(match[2])] : [24, 0]
  if (hours > 23 || minutes > 59) throw new RangeError(`not a time of day: ${text}`)
  return (hours * 60 + minutes) * 60_000
}

export { approximateDistance, approximateDuration } from './approximate.js'
export { isHoliday, isWorkday } from './calendar.js'
export { formatClock, formatDuration, parseDuration } from './duration.js'
export * from './schedule.js'

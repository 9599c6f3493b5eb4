export { approximateDistance, approximateDuration } from './approximate.js'
export { formatClock, formatDuration, parseDuration } from './duration.js'

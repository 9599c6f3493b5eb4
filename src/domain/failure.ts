/**
 * Types of activity failures that park a chain instead of failing it: what is missing can come back. A model that gives
 * no usable reply, one that refuses (a wrong key, say), replies that stay in another form than asked, a scaffold that does not run,
 * a ceiling that is reached, and a Docker engine, disk or GitHub that stays away.
 */
export const PARKING_TYPES: readonly string[] = [
  'ModelUnavailable',
  'ModelRefused',
  'ReplyUnreadable',
  'InfrastructureUnavailable',
  'ScaffoldFailed',
  'CeilingReached',
]

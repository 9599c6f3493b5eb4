/** What is asked under a key differs from what was recorded under it. Never resolved by asking anew. */
export class DivergedError extends Error {
  override name = 'DivergedError'
  constructor(what: 'call' | 'command', key: string, recorded: string, asked: string) {
    super(
      `the ${what} ${key} was recorded with digest ${recorded} and is now asked with ${asked}; ` +
        `the record was made by other prompts or another version: finish it with these, or run the chain in a new campaign`,
    )
  }
}

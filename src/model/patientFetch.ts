import { Agent, fetch as undiciFetch } from 'undici'

/** Node's own `fetch` gives up after five minutes without headers, or between two parts of a body; models think longer. */
const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 })

/** `fetch` that waits until its signal is aborted. */
export const fetchPatiently = ((input: string | URL, init?: RequestInit) =>
  undiciFetch(input, { ...(init as object), dispatcher })) as unknown as typeof fetch

/**
 * The byte with which the gateway opens each connection over a network: by it a client knows that it has reached the
 * gateway, and not only something on the way that would take the connection in its place.
 */
export const GREETING = '\u0006'

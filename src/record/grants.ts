import { createHash, createHmac, randomBytes } from 'node:crypto'
import { recordKey } from '../domain/identifiers.ts'
import { maskOf } from '../domain/redaction.ts'
import type { Grant, Revocation } from '../formats/exchange.ts'
import type { GatewayRecord } from '../formats/record.ts'
import type { Store } from '../store/port.ts'

/** What a token looks like, wherever it stands. */
export const TOKEN = /prchain-[0-9a-f]{48}/g
/** What stands in its place in records: the same for all of them, since each launch has another. */
export const TOKEN_MASK = maskOf('gateway-token')

/** A text of a scaffold's with masks over tokens. */
export function maskTokens(text: string): string {
  return text.replaceAll(TOKEN, TOKEN_MASK)
}

/**
 * Issues the token of one launch: the same each time for the same launch, so that a worker that was killed between the
 * issue and the start goes on with it. Worth nothing outside this store's gateway. Idempotent.
 */
export async function issueToken(store: Store, grant: Omit<Grant, 'format' | 'issuedAt'>): Promise<string> {
  const { value } = await store.putRecord<GatewayRecord>(recordKey.gateway, {
    format: 'prchain.gateway/1',
    secret: randomBytes(32).toString('hex'),
  })
  const { rollout, stage, round, launch, isSelfTest } = grant
  const place = [rollout, stage, round, launch, ...(isSelfTest ? ['self-test'] : [])].join('\n')
  const token = `prchain-${createHmac('sha256', value.secret).update(place).digest('hex').slice(0, 48)}`
  const made: Grant = { format: 'prchain.grant/1', ...grant, issuedAt: new Date().toISOString() }
  await store.putRecord(recordKey.grant(digestOfToken(token)), made)
  return token
}

/** Ends a token's use. Idempotent. */
export async function revokeToken(store: Store, token: string, reason: string): Promise<void> {
  const made: Revocation = { format: 'prchain.revocation/1', reason, at: new Date().toISOString() }
  await store.putRecord(recordKey.revocation(digestOfToken(token)), made)
}

/** What a token stands for, or null when it never was one or is one no longer: it was revoked, or its rollout has ended. */
export async function findGrant(store: Store, token: string): Promise<Grant | null> {
  if (!new RegExp(`^${TOKEN.source}$`).test(token)) return null
  const digest = digestOfToken(token)
  const grant = await store.getRecord<Grant>(recordKey.grant(digest))
  if (!grant || (await store.getRecord<Revocation>(recordKey.revocation(digest)))) return null
  return (await store.getRecord(recordKey.rollout(grant.rollout))) === null ? grant : null
}

function digestOfToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

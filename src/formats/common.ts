import { z } from 'zod'

/** A blob in the artifact store, named by its content: `sha256:` and 64 hex digits. */
export const blobRef = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'expected sha256:<64 hex digits>')
/** A blob in the artifact store, named by its content: `sha256:` and 64 hex digits. */
export type BlobRef = z.infer<typeof blobRef>

/** A full git object name. */
export const gitSha = z.string().regex(/^[0-9a-f]{40}$/, 'expected a full 40-digit git sha')

/** `owner/name`, as GitHub spells it. */
export const repositoryName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]*\/[A-Za-z0-9._-]+$/, 'expected owner/name')

/** A pull request's or an issue's number. */
export const pullNumber = z.number().int().positive()

/** An ISO 8601 instant in UTC, such as `2026-06-08T14:50:17Z`. */
export const instant = z.iso.datetime({ offset: true })

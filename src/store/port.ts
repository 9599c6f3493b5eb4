import type { BlobRef } from '../formats/common.ts'

/**
 * The artifact store: one place for everything large. Content-addressed blobs, and keyed records that are
 * immutable and put-if-absent. A key is segments of `[A-Za-z0-9._-]` joined by `/`, none of them `.` or `..`.
 * No partial blob or record is ever visible; what a put has returned survives a power cut.
 */
export interface Store {
  /** Stores bytes under their sha256. Idempotent. */
  putBlob(content: Uint8Array | string): Promise<BlobRef>
  /** Stores a stream's bytes under their sha256, never holding more than a part of them. Idempotent. */
  putBlobStream(content: AsyncIterable<Uint8Array>): Promise<BlobRef>
  /** The bytes of a blob, checked against its name. Throws {@link StoreError} `missing` or `corrupt`. */
  getBlob(ref: BlobRef): Promise<Buffer>
  /** Stores a JSON value under a key unless there is one, and returns the value that the key now has. Idempotent. */
  putRecord<T>(key: string, value: T): Promise<{ isNew: boolean; value: T }>
  /** The record of a key, or null when there is none. Throws {@link StoreError} `corrupt` when it is not JSON. */
  getRecord<T>(key: string): Promise<T | null>
  /** The keys that begin with `prefix` + `/`, in byte order; none when there are none. */
  listRecords(prefix: string): Promise<string[]>
}

/** A store that cannot give what it holds. */
export class StoreError extends Error {
  override name = 'StoreError'
  readonly kind: 'missing' | 'corrupt' | 'bad-key' | 'full'
  constructor(kind: StoreError['kind'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

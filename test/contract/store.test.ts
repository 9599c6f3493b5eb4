import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createFileStore } from '../../src/store/files.ts'

const makeDir = () => mkdtempSync(join(tmpdir(), 'prchain-store-'))

describe('the file store', () => {
  test('gives back the bytes of a blob under their digest', async () => {
    const store = createFileStore({ dir: makeDir() })
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), async (bytes) => {
        const ref = await store.putBlob(bytes)
        expect(await store.putBlob(bytes)).toBe(ref)
        expect(Uint8Array.from(await store.getBlob(ref))).toEqual(bytes)
      }),
      { numRuns: 20 },
    )
  })

  test('stores a stream under the same name as its bytes at once, and nothing of one that breaks off', async () => {
    const dir = makeDir()
    const store = createFileStore({ dir })
    const stream = async function* (parts: string[], failure?: Error) {
      for (const part of parts) yield Buffer.from(part)
      if (failure) throw failure
    }
    const ref = await store.putBlobStream(stream(['a', 'b', 'c']))
    expect(ref).toBe(await store.putBlob('abc'))
    expect(await store.putBlobStream(stream(['abc']))).toBe(ref)
    await expect(store.putBlobStream(stream(['x'], new Error('cut off')))).rejects.toThrow('cut off')
    expect(readdirSync(join(dir, 'aside'))).toEqual([])
    expect(readdirSync(join(dir, 'blobs'))).toHaveLength(1)
  })

  test('names a blob that is missing and one whose bytes were changed', async () => {
    const dir = makeDir()
    const store = createFileStore({ dir })
    const ref = await store.putBlob('content')
    const hex = ref.slice('sha256:'.length)
    writeFileSync(join(dir, 'blobs', hex.slice(0, 2), hex), 'changed')
    await expect(store.getBlob(ref)).rejects.toMatchObject({ name: 'StoreError', kind: 'corrupt' })
    await expect(store.getBlob(`sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({ kind: 'missing' })
  })

  test('keeps the first record of a key, also when many put at once', async () => {
    const dir = makeDir()
    const stores = Array.from({ length: 8 }, () => createFileStore({ dir }))
    const puts = await Promise.all(stores.map((store, n) => store.putRecord('a/b/c', { n })))
    expect(puts.filter((put) => put.isNew)).toHaveLength(1)
    const winner = puts.find((put) => put.isNew)!.value
    expect(puts.map((put) => put.value)).toEqual(puts.map(() => winner))
    expect(await stores[0]!.getRecord('a/b/c')).toEqual(winner)
    expect(readdirSync(join(dir, 'aside'))).toEqual([])
  })

  test('lists records below a prefix in order, and no others', async () => {
    const store = createFileStore({ dir: makeDir() })
    for (const key of ['r/2/b', 'r/10/a', 'r/1', 'rr/1']) await store.putRecord(key, {})
    expect(await store.listRecords('r')).toEqual(['r/1', 'r/10/a', 'r/2/b'])
    expect(await store.listRecords('none')).toEqual([])
  })

  test('refuses keys that would leave the store', async () => {
    const store = createFileStore({ dir: makeDir() })
    for (const key of ['../x', 'a/../b', '/a', 'a//b', '', 'a/.hidden', 'a b']) {
      await expect(store.putRecord(key, {})).rejects.toMatchObject({ kind: 'bad-key' })
    }
  })

  test.skipIf(process.getuid?.() !== 0 || process.platform !== 'linux')(
    'a full disk is named, and what was stored stays whole',
    async () => {
      const dir = makeDir()
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', dir])
      try {
        const store = createFileStore({ dir })
        const kept = await store.putBlob('kept')
        await expect(store.putBlob(Buffer.alloc(1024 * 1024))).rejects.toMatchObject({ kind: 'full' })
        await expect(store.putRecord('big', { text: 'x'.repeat(1024 * 1024) })).rejects.toMatchObject({ kind: 'full' })
        expect((await store.getBlob(kept)).toString()).toBe('kept')
        expect(await store.getRecord('big')).toBeNull()
        expect(readdirSync(join(dir, 'aside'))).toEqual([])
      } finally {
        execFileSync('umount', [dir])
      }
    },
  )
})

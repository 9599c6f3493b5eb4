import { expect, test } from 'vitest'
import { wheelPlatforms } from '../../src/toolchains/pip.ts'

test('wheels are Linux’s, as sandboxes are, on hosts that are not', () => {
  expect(wheelPlatforms('linux', 'x64')).toEqual([])
  expect(wheelPlatforms('darwin', 'arm64')).toContain('manylinux2014_aarch64')
  expect(wheelPlatforms('darwin', 'x64')).toContain('manylinux_2_28_x86_64')
})

import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { findOperatorProgram } from '../../src/toolchains/operatorFolder.ts'

const PLACES = ['tool', 'bin/tool', 'node_modules/.bin/tool']

describe('a program in the operator’s folder', () => {
  test('is found where npm lays it, with the package that it is of', async () => {
    const folder = newFolder({
      'lib/node_modules/@acme/tool/package.json': '{"name":"@acme/tool","version":"1.2.3"}',
      'lib/node_modules/@acme/tool/dist/tool.js': '#!/usr/bin/env node\n',
    })
    mkdirSync(join(folder, 'bin'))
    symlinkSync('../lib/node_modules/@acme/tool/dist/tool.js', join(folder, 'bin', 'tool'))
    expect(await findOperatorProgram(folder, PLACES)).toEqual({
      folder,
      file: 'lib/node_modules/@acme/tool/dist/tool.js',
      version: '@acme/tool@1.2.3',
    })
  })

  test('is found through a link to the folder, and may be of no package', async () => {
    const folder = newFolder({ tool: 'void 0\n' })
    const link = `${folder}-link`
    symlinkSync(folder, link)
    onTestFinished(() => rmSync(link))
    expect(await findOperatorProgram(link, PLACES)).toEqual({ folder, file: 'tool', version: 'unknown' })
  })

  test.each([
    {
      what: 'nothing is there',
      files: {},
      link: null,
      fault: /has none of tool, bin\/tool, node_modules\/\.bin\/tool$/,
    },
    {
      what: 'a shell script is there',
      files: { tool: '#!/bin/sh\nexec node x\n' },
      link: null,
      fault: /no program for Node$/,
    },
    { what: 'a binary is there', files: { tool: '\x7fELF\0\0' }, link: null, fault: /no program for Node$/ },
    { what: 'a folder is there', files: { 'tool/x': '' }, link: null, fault: /no program for Node$/ },
    { what: 'a link leads out', files: {}, link: process.execPath, fault: /leads out of its folder, to / },
  ])('is refused where $what', async ({ files, link, fault }) => {
    const folder = newFolder(files)
    if (link) symlinkSync(link, join(folder, 'tool'))
    await expect(findOperatorProgram(folder, PLACES)).rejects.toThrow(fault)
  })

  test('is refused where there is no such folder', async () => {
    const folder = newFolder({ file: '' })
    await expect(findOperatorProgram(join(folder, 'none'), PLACES)).rejects.toThrow(/^there is no folder /)
    await expect(findOperatorProgram(join(folder, 'file'), PLACES)).rejects.toThrow(/file is no folder$/)
  })
})

function newFolder(files: Record<string, string | undefined>): string {
  const folder = mkdtempSync(join(tmpdir(), 'prchain-operator-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content!)
    chmodSync(join(folder, path), 0o755)
  }
  return folder
}

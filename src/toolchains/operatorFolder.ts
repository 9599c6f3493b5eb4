import { existsSync } from 'node:fs'
import { open, readFile, realpath, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { OperatorProgram } from './port.ts'

/**
 * The program for Node that is first found at one of the places below a folder. Links are followed, as far as they stay
 * in the folder: a sandbox sees nothing else. Throws with why there is none.
 */
export async function findOperatorProgram(folder: string, places: readonly string[]): Promise<OperatorProgram> {
  const found = await stat(folder).catch(() => null)
  if (!found?.isDirectory()) throw new Error(found ? `${folder} is no folder` : `there is no folder ${folder}`)
  const root = await realpath(folder)
  const place = places.find((name) => existsSync(join(root, name)))
  if (place === undefined) throw new Error(`${folder} has none of ${places.join(', ')}`)
  const path = await realpath(join(root, place))
  const file = relative(root, path)
  if (file.split('/')[0] === '..') throw new Error(`${join(folder, place)} leads out of its folder, to ${path}`)
  if (!(await isForNode(path))) throw new Error(`${join(folder, place)} is no program for Node`)
  return { folder: root, file, version: await versionOf(root, file) }
}

/** Whether a file may be a script for Node: one with another interpreter, or a binary, is not. */
async function isForNode(path: string): Promise<boolean> {
  if (!(await stat(path)).isFile()) return false
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(128), 0, 128, 0)
    const head = buffer.subarray(0, bytesRead)
    return head.subarray(0, 2).toString() === '#!' ? /^#!.*\bnode\b/.test(head.toString()) : !head.includes(0)
  } finally {
    await file.close()
  }
}

/** The package that a file is of: that of the next `package.json` above it which names one. */
async function versionOf(root: string, file: string): Promise<string> {
  const parts = file.split('/')
  for (let depth = parts.length - 1; depth >= 0; depth--) {
    const path = join(root, ...parts.slice(0, depth), 'package.json')
    const { name, version } = await readPackage(path)
    if (name) return `${name}@${version}`
  }
  return 'unknown'
}

async function readPackage(path: string): Promise<{ name?: string; version?: string }> {
  const text = await readFile(path, 'utf8').catch(() => '{}')
  try {
    return JSON.parse(text) as { name?: string; version?: string }
  } catch (cause) {
    throw new Error(`${path} is not JSON: ${(cause as Error).message}`, { cause })
  }
}

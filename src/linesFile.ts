import { mkdir, open, rename } from 'node:fs/promises'
import { join } from 'node:path'

/** Lines into a file that is never seen in part: written aside, synced, renamed. */
export async function writeLines(
  dir: string,
  name: string,
  lines: AsyncIterable<string> | Iterable<string>,
): Promise<string> {
  await mkdir(dir, { recursive: true })
  const path = join(dir, name)
  const aside = `${path}.${process.pid}.aside`
  const file = await open(aside, 'w')
  try {
    for await (const line of lines) await file.writeFile(`${line}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(aside, path)
  return path
}

import type { FilePatch, Hunk } from './gitPatch.ts'
import { newTexts, oldTexts } from './work.ts'

/** A patch of one hunk on the file under its new path, in git's form. */
export function renderHunkPatch(file: FilePatch, hunk: Hunk): string {
  const newSide = /^\+\+\+ (.*)$/m.exec(file.raw)?.[1] ?? `b/${file.newPath}`
  const oldSide = newSide.replace(/^("?)b\//, '$1a/')
  const body = hunk.lines.map(({ mark, text }) =>
    text.endsWith('\n') ? `${mark}${text}` : `${mark}${text}\n\\ No newline at end of file\n`,
  )
  const range = (start: number, count: number) => `${start},${count}`
  const header = `@@ -${range(hunk.oldStart, oldTexts(hunk.lines).length)} +${range(hunk.newStart, newTexts(hunk.lines).length)} @@`
  return `--- ${oldSide}\n+++ ${newSide}\n${header}\n${body.join('')}`
}

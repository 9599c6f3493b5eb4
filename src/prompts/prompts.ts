import { readFileSync } from 'node:fs'
import { digestOfJson } from '../domain/digest.ts'
import type { BlobRef } from '../formats/common.ts'

const NAMES = ['agent', 'overview', 'query', 'judge', 'refine', 'link'] as const

/** The prompt texts, and the checksum over all of them that goes into every artifact. */
export interface Prompts {
  /** A prompt with its `{{slots}}` filled. Throws when a slot is not given or not known. */
  fill(name: (typeof NAMES)[number], slots: Record<string, string>): string
  checksum: BlobRef
}

/** Reads the prompt files that lie beside this one. */
export function loadPrompts(): Prompts {
  const texts = Object.fromEntries(
    NAMES.map((name) => [name, readFileSync(new URL(`./${name}.md`, import.meta.url), 'utf8')]),
  )
  return {
    checksum: digestOfJson(texts),
    fill(name, slots) {
      const used = new Set<string>()
      const filled = texts[name]!.replace(/\{\{(\w+)\}\}/g, (_, slot: string) => {
        const value = slots[slot]
        if (value === undefined) throw new Error(`prompt ${name} has a slot "${slot}" that nothing fills`)
        used.add(slot)
        return value
      })
      const unknown = Object.keys(slots).filter((slot) => !used.has(slot))
      if (unknown.length > 0)
        throw new Error(`prompt ${name} has no slot ${unknown.map((slot) => `"${slot}"`).join(', ')}`)
      return filled.trim()
    },
  }
}

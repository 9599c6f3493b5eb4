import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { cue } from '../../../src/formats/chain.ts'
import { textSource } from '../../../src/formats/pullRequest.ts'

const label = z.object({
  repository: z.string(),
  pullRequest: z.number().int(),
  source: textSource,
  where: z.string(),
  sha256: z.string().length(64),
  offset: z.number().int().nullable(),
  length: z.number().int().nullable(),
  target: z.number().int().nullable(),
  viaIssue: z.number().int().nullable(),
  kind: cue.optional(),
  reason: z.string().optional(),
})
/** What one mention in a text stands for; README.md beside this file has the fields. */
export type Label = z.infer<typeof label>

/** A text with all its labels. */
export interface LabelledText {
  repository: string
  pullRequest: number
  source: Label['source']
  where: string
  sha256: string
  labels: Label[]
}

/** The labelled texts, of `labels.jsonl` or `held.jsonl`, in their order. Throws on a line that is no label. */
export function readLabelledTexts(name: string): LabelledText[] {
  const lines = readFileSync(join(import.meta.dirname, name), 'utf8')
    .trim()
    .split('\n')
  const texts = new Map<string, LabelledText>()
  for (const one of lines.map((line) => label.parse(JSON.parse(line)))) {
    const { repository, pullRequest, source, where, sha256 } = one
    const key = `${repository} ${pullRequest} ${where}`
    const text = texts.get(key) ?? { repository, pullRequest, source, where, sha256, labels: [] }
    if (text.sha256 !== sha256) throw new Error(`${name} gives ${key} two digests; keep the true one`)
    text.labels.push(one)
    texts.set(key, text)
  }
  return [...texts.values()]
}

import { z } from 'zod'
import { blobRef, instant } from './common.ts'
import { sample, trajectory } from './sample.ts'

/** A trajectory that came from outside. It is no sample, whatever it says of itself: no rollout of this store made it. */
export const importedTrajectory = z.object({
  format: z.literal('prchain.imported-trajectory/1'),
  /** The first 16 hex digits of the document's sha256. */
  id: z.string(),
  source: z.object({
    /** The format's own name for its version. */
    version: z.string(),
    agent: z.object({ name: z.string(), version: z.string(), model: z.string().nullable() }),
    session: z.string().nullable(),
    trajectory: z.string().nullable(),
    /** The document as it was given, but for secrets of the settings, which are masked. */
    document: blobRef,
    /** What of it stands in the document alone. */
    leftOut: z.array(z.string()),
  }),
  ...trajectory,
  /** The rest of the sample that the document says it was exported from; null when it says nothing of it. */
  sample: sample
    .omit({ format: true, messages: true, segments: true, tools: true, toolSets: true, redactions: true })
    .nullable(),
})
/** A trajectory that came from outside. */
export type ImportedTrajectory = z.infer<typeof importedTrajectory>

/** Where an imported trajectory lies: a blob that is one `prchain.imported-trajectory/1`. */
export const importReferenceRecord = z.object({
  format: z.literal('prchain.import-reference/1'),
  blob: blobRef,
  /** The name of the file that it came from, without its folder. */
  file: z.string(),
  at: instant,
})
/** Where an imported trajectory lies. */
export type ImportReferenceRecord = z.infer<typeof importReferenceRecord>

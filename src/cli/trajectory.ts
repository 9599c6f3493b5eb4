import { readFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { composeStore, storeDir } from '../compose.ts'
import { writeLines } from '../linesFile.ts'
import { secretsOf, type Config } from '../config.ts'
import { exportAtif } from '../dataset/atifExport.ts'
import { AtifError, importAtif, type AtifRead } from '../dataset/atifImport.ts'
import { digestOf } from '../domain/digest.ts'
import { recordKey } from '../domain/identifiers.ts'
import { createSecrets } from '../domain/redaction.ts'
import { maskShapes } from '../domain/secretShapes.ts'
import type { ImportedTrajectory, ImportReferenceRecord } from '../formats/trajectory.ts'
import { EXIT, InputError, type Terminal } from './terminal.ts'
import { findTrajectories, readTrajectory } from './trajectoryTarget.ts'

/**
 * `prchain trajectory export CAMPAIGN|CAMPAIGN/CHAIN/N|imports/ID`: a file for each trajectory, in the store's folder
 * `trajectories`, or where `out` says: a folder for a campaign, else a file.
 */
export async function exportTrajectories(options: {
  config: Config
  target: string
  format: string
  out: string | null
  terminal: Terminal
}): Promise<number> {
  const { config, target, format, out, terminal } = options
  if (format !== 'atif') throw new InputError(`--format ${format}: expected atif`)
  const store = composeStore(config)
  const { kind, ids, without } = await findTrajectories(store, target)
  const files = []
  for (const id of ids) {
    const document = exportAtif(await readTrajectory(store, id))
    const given = kind === 'campaign' || out === null ? null : resolve(out)
    const path =
      given ?? join(resolve(out ?? join(storeDir(config), 'trajectories')), `${id.replaceAll('/', '.')}.json`)
    await writeLines(dirname(path), basename(path), [JSON.stringify(document, null, 2)])
    files.push({ trajectory: id, path, steps: document.steps.length })
    terminal.say(`${id}: ${document.steps.length} steps, ${path}`)
  }
  for (const id of without) terminal.say(`${id} has no sample: none of its stages was accepted`)
  terminal.emit({ format: 'prchain.trajectory-exported/1', target, files, without })
  return EXIT.ended
}

/** `prchain trajectory import FILE`: an ATIF document, kept apart from the samples of rollouts. */
export async function importTrajectory(options: { config: Config; path: string; terminal: Terminal }): Promise<number> {
  const { config, path, terminal } = options
  const { redact } = createSecrets(secretsOf(config))
  const given = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new InputError(`${path} cannot be read: ${cause.message}`, { cause })
  })
  const text = redact(given)
  const { source, trajectory } = read(path, text)
  const store = composeStore(config)
  const id = digestOf(text).slice('sha256:'.length, 'sha256:'.length + 16)
  const imported: ImportedTrajectory = {
    format: 'prchain.imported-trajectory/1',
    id,
    source: { ...source, document: await store.putBlob(text) },
    ...trajectory,
  }
  const { isNew } = await store.putRecord<ImportReferenceRecord>(recordKey.imported(id), {
    format: 'prchain.import-reference/1',
    blob: await store.putBlob(JSON.stringify(imported)),
    file: basename(path),
    at: new Date().toISOString(),
  })
  const { version, agent, leftOut } = source
  const counts = {
    messages: imported.messages.length,
    segments: imported.segments.length,
    steps: imported.messages.filter((message) => message.role === 'assistant' && message.step !== null).length,
  }
  terminal.say(
    `${isNew ? 'imported' : 'already there'}: imports/${id}, ${version} of ${agent.name} ${agent.version}: ${counts.messages} messages, ${counts.steps} steps`,
  )
  if (leftOut.length > 0) terminal.say(`in the stored document alone: ${leftOut.join(', ')}`)
  terminal.emit({
    format: 'prchain.trajectory-imported/1',
    trajectory: `imports/${id}`,
    isNew,
    version,
    agent: agent.name,
    ...counts,
    leftOut,
  })
  return EXIT.ended
}

/** Reads a document whose secrets of the settings are masked already; what looks like one is masked here. */
function read(path: string, text: string): AtifRead {
  try {
    return importAtif(text, maskShapes)
  } catch (cause) {
    if (cause instanceof AtifError) throw new InputError(`${path}: ${cause.message}; nothing was stored`, { cause })
    throw cause
  }
}

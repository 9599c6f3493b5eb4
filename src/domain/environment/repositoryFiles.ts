import { parse as parseToml } from 'smol-toml'
import { parse as parseYaml } from 'yaml'

/** The files of a repository at one commit, as far as they were read. */
export interface RepositoryFiles {
  /** All paths, sorted. */
  readonly paths: readonly string[]
  has(path: string): boolean
  /** A file's text, or null when it is absent or was not read. */
  text(path: string): string | null
  /** A file's data, by its ending; an empty object for one that is absent or does not parse. */
  data(path: string): Data
  /** The files that were asked for and are there, sorted: what a plan rests on. */
  used(): string[]
}

/** Parsed data of unknown shape, read with {@link at}. */
export type Data = Record<string, unknown>

/** Wraps paths and a reader of texts. */
export function openFiles(paths: readonly string[], read: (path: string) => string | null): RepositoryFiles {
  const known = new Set(paths)
  const used = new Set<string>()
  const text = (path: string) => {
    if (!known.has(path)) return null
    const content = read(path)
    if (content !== null) used.add(path)
    return content
  }
  return {
    paths: [...paths].sort(),
    has: (path) => known.has(path),
    text,
    data: (path) => parse(path, text(path)),
    used: () => [...used].sort(),
  }
}

function parse(path: string, text: string | null): Data {
  if (text === null) return {}
  try {
    const value: unknown = path.endsWith('.toml')
      ? parseToml(text)
      : path.endsWith('.json')
        ? JSON.parse(withoutComments(text))
        : parseYaml(text, { logLevel: 'silent' })
    return isData(value) ? value : {}
  } catch {
    // A file that its own tools would refuse tells nothing.
    return {}
  }
}

/** JSON as devcontainer.json and tsconfig.json have it: comments and trailing commas left out. */
function withoutComments(text: string): string {
  return text
    .replaceAll(/("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, quoted: string | undefined) => quoted ?? '')
    .replaceAll(/("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])/g, (_, quoted: string | undefined) => quoted ?? '')
}

/** What lies at a path of keys, or undefined. */
export function at(data: unknown, ...keys: string[]): unknown {
  return keys.reduce<unknown>((value, key) => (isData(value) ? value[key] : undefined), data)
}

/** A table at a path of keys, or an empty one. */
export function tableAt(data: unknown, ...keys: string[]): Data {
  const value = at(data, ...keys)
  return isData(value) ? value : {}
}

/** The texts of a list at a path of keys, or of one text. */
export function textsAt(data: unknown, ...keys: string[]): string[] {
  const value = at(data, ...keys)
  const list = Array.isArray(value) ? (value as unknown[]) : [value]
  return list.filter((entry) => typeof entry === 'string' || typeof entry === 'number').map(String)
}

/** Whether a value is a table of data. */
export function isData(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

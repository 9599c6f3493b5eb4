/** Packages that are installed in one folder, once for a host. */
export type Wanted =
  /** Wheels from PyPI, for a Python such as `3.11`. */
  | { kind: 'pip'; name: string; version: string; python: string; packages: readonly string[] }
  /** Packages from npm: below the folder's `node_modules`. */
  | {
      kind: 'npm'
      name: string
      version: string
      packages: readonly { name: string; version: string; integrity: string }[]
    }

/** A program for Node in a folder of the operator's. */
export interface OperatorProgram {
  /** The folder, absolute and without links. */
  folder: string
  /** The program's file, relative to it. */
  file: string
  /** The package that it is of, such as `@gair/sii-cli@0.0.74`; `unknown` where it is of none. */
  version: string
}

/** Programs of others on the host, for sandboxes to mount read-only. */
export interface Toolchains {
  /** The folder above all that is installed, on the host. */
  readonly dir: string
  /** The operator's program at the first of the places below the folder that a setting names. Throws with why there is none. */
  findOperatorProgram(wanted: { setting: string; places: readonly string[] }): Promise<OperatorProgram>
  /** Installs packages unless they are. Returns their folder, below `dir`. Idempotent. Throws with what the installer said. */
  provide(wanted: Wanted): Promise<string>
  /** The Node of ours that runs scaffolds: one file, below `dir`. Idempotent. Throws as {@link Toolchains.provide}. */
  provideNode(): Promise<string>
  /** Whether something was seen to work on this host. */
  isProven(what: string): Promise<boolean>
  /** Remembers that it was. Idempotent. */
  noteProven(what: string): Promise<void>
}

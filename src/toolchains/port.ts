/** Programs of others that are installed on the host, for sandboxes to mount read-only. */
export interface Toolchains {
  /** The folder above all of them, on the host. */
  readonly dir: string
  /**
   * Python packages at fixed versions, for a Python such as `3.11`: installed once for the host. Returns the name of
   * their folder below `dir`. Idempotent. Throws with what the installer said.
   */
  providePython(wanted: { name: string; version: string; python: string; packages: readonly string[] }): Promise<string>
}

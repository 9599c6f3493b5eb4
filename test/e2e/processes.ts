import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Processes whose command line, working folder or environment names a folder, other than this one. */
export function prchainProcesses(dir: string): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const read = (file: string) => {
        try {
          return readFileSync(`/proc/${name}/${file}`, 'utf8')
        } catch {
          return ''
        }
      }
      const command = read('cmdline').replaceAll('\0', ' ').trim()
      const isOurs = [command, read('environ'), linkOf(name)].some((text) => text.includes(dir))
      return isOurs && command !== '' ? [{ pid: Number(name), command }] : []
    })
}

function linkOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}

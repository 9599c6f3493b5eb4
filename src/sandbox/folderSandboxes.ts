import type { ChannelLine } from './channelLine.ts'
import type { Sandbox, SandboxProvider } from './port.ts'
import {
  findLiveSandbox,
  listSandboxFolders,
  readSandboxRecord,
  removeSandboxFolder,
  sandboxFolder,
  type ProcessSandboxRecord,
} from './processFolder.ts'

/** A life of a sandbox that is a folder, with the line to its dispatcher. */
export interface FolderLife {
  name: string
  folder: string
  life: string
  line: ChannelLine
  /** Whether the folder still holds this life. */
  isAlive: () => Promise<boolean>
}

/** What is alike in all providers whose sandboxes are folders: one line for each life, and how they are found, listed and removed. */
export function keepFolderSandboxes(options: {
  dir: string
  openLine: (folder: string, record: ProcessSandboxRecord) => ChannelLine
  openSandbox: (life: FolderLife) => Sandbox
  /** Gives back what a folder holds beside its files, after its processes have ended. */
  release: (folder: string, record: ProcessSandboxRecord | null) => Promise<void>
}): Pick<SandboxProvider, 'find' | 'list' | 'remove'> & {
  open: (name: string, record: ProcessSandboxRecord) => Sandbox
} {
  const { dir, openLine, openSandbox, release } = options
  const lines = new Map<string, ChannelLine>()

  const open = (name: string, record: ProcessSandboxRecord) => {
    const { life } = record
    const folder = sandboxFolder(dir, name)
    const line = lines.get(life) ?? openLine(folder, record)
    lines.set(life, line)
    return openSandbox({
      name,
      folder,
      life,
      line,
      isAlive: async () => (await findLiveSandbox(folder))?.life === life,
    })
  }

  return {
    open,
    async find(name) {
      const record = await findLiveSandbox(sandboxFolder(dir, name))
      return record && open(name, record)
    },
    list: (labels) => listSandboxFolders(dir, labels),
    async remove(name) {
      const life = (await readSandboxRecord(sandboxFolder(dir, name)))?.life ?? ''
      lines.get(life)?.close()
      lines.delete(life)
      await removeSandboxFolder({ dir, name, release })
    },
  }
}

const BLOCK_BYTES = 512
const NAME_BYTES = 100
/** The date of all files. One that every tool takes: archives for Python cannot hold one before 1980. */
export const MTIME_SECONDS = Date.UTC(2000, 0, 1) / 1000
const OWNER_ID = 1000
const FLAGS = { file: '0', symlink: '2', directory: '5' } as const

/** What an archive says of one entry before its content. */
export interface TarHeader {
  /** Any bytes but NUL; a folder's without a slash at its end. */
  name: Buffer
  type: keyof typeof FLAGS
  mode: number
  sizeBytes: number
  /** A symbolic link's target. */
  target?: Buffer
  /** {@link MTIME_SECONDS} when absent. */
  mtimeSeconds?: number
}

/** The blocks before an entry's content, in GNU's format, whose names are bytes. Always the same owner. */
export function tarHeader(entry: TarHeader): Buffer {
  const { name, type, mode, sizeBytes, target = Buffer.alloc(0), mtimeSeconds = MTIME_SECONDS } = entry
  const fullName = type === 'directory' ? Buffer.concat([name, Buffer.from('/')]) : name
  return Buffer.concat([
    ...(target.length > NAME_BYTES ? longField('K', target) : []),
    ...(fullName.length > NAME_BYTES ? longField('L', fullName) : []),
    header({ name: fullName, flag: FLAGS[type], mode, sizeBytes, target, mtimeSeconds }),
  ])
}

/** The zeros that fill up an entry's last block. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES)
}

/** The end of an archive. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * BLOCK_BYTES)
}

function longField(flag: 'K' | 'L', value: Buffer): Buffer[] {
  const content = Buffer.concat([value, Buffer.alloc(1)])
  const name = Buffer.from('././@LongLink')
  const sizeBytes = content.length
  return [
    header({ name, flag, mode: 0, sizeBytes, target: Buffer.alloc(0), mtimeSeconds: MTIME_SECONDS }),
    content,
    tarPadding(sizeBytes),
  ]
}

function header(entry: Required<Omit<TarHeader, 'type'>> & { flag: string }): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES)
  entry.name.copy(block, 0, 0, NAME_BYTES)
  writeOctal(block, entry.mode, 100, 8)
  writeOctal(block, OWNER_ID, 108, 8)
  writeOctal(block, OWNER_ID, 116, 8)
  writeSize(block, entry.sizeBytes)
  writeOctal(block, entry.mtimeSeconds, 136, 12)
  block.write('        ', 148)
  block.write(entry.flag, 156)
  entry.target.copy(block, 157, 0, NAME_BYTES)
  block.write('ustar  \0', 257)
  let sum = 0
  for (let index = 0; index < BLOCK_BYTES; index++) sum += block[index]!
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

function writeOctal(block: Buffer, value: number, offset: number, width: number): void {
  block.write(value.toString(8).padStart(width - 1, '0'), offset)
}

/** Sizes from 8 GiB on do not fit eleven octal digits and are written as binary. */
function writeSize(block: Buffer, sizeBytes: number): void {
  if (sizeBytes < 8 ** 11) return writeOctal(block, sizeBytes, 124, 12)
  block.writeUInt8(0x80, 124)
  block.writeBigUInt64BE(BigInt(sizeBytes), 128)
}

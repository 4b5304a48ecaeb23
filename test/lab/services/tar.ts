/** A file of an archive; in a tar archive, with a slash at the end of its path, a folder. */
export interface ArchivedFile {
  readonly path: string
  readonly content: string | Uint8Array
  /** Default 0o644. */
  readonly mode?: number
}

/** A fixed time, so that archives are the same each run. */
const modified = 1_767_225_600

/** An uncompressed ustar archive. Paths up to 100 bytes. */
export function tarOf(files: readonly ArchivedFile[]): Buffer {
  return Buffer.concat([
    ...files.flatMap(({ path, content, mode }) => {
      const bytes = Buffer.from(content)
      const header = Buffer.alloc(512)
      header.write(path, 0, 100, 'utf8')
      const isFolder = path.endsWith('/')
      header.write(octal(mode ?? (isFolder ? 0o755 : 0o644), 7), 100)
      header.write(octal(0, 7), 108)
      header.write(octal(0, 7), 116)
      header.write(octal(bytes.length, 11), 124)
      header.write(octal(modified, 11), 136)
      header.write(`        ${isFolder ? '5' : '0'}`, 148)
      header.write('ustar\x0000', 257)
      const sum = header.reduce((total, byte) => total + byte, 0)
      header.write(`${octal(sum, 6)}\x00 `, 148)
      return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]
    }),
    Buffer.alloc(1_024),
  ])
}

/** An `ar` archive, as of a Debian package. */
export function arOf(files: readonly ArchivedFile[]): Buffer {
  return Buffer.concat([
    Buffer.from('!<arch>\n'),
    ...files.flatMap(({ path, content }) => {
      const bytes = Buffer.from(content)
      const header = `${path.padEnd(16)}${String(modified).padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(bytes.length).padEnd(10)}\`\n`
      return [Buffer.from(header), bytes, Buffer.alloc(bytes.length % 2, '\n')]
    }),
  ])
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

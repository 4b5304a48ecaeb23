/** A file of an archive; names are relative, with `/`, at most 100 bytes. */
export interface TarFile {
  readonly name: string
  readonly mode: number
  readonly content: Uint8Array
}

const block = 512

/** A ustar archive (POSIX.1-1988) of one folder, mode 0755, and files of root's in it. Pure. */
export function renderTar(folder: string, files: readonly TarFile[]): Buffer {
  const parts = [header(`${folder}/`, 0o755, 0, '5')]
  for (const { name, mode, content } of files) {
    parts.push(header(`${folder}/${name}`, mode, content.length, '0'), Buffer.from(content))
    parts.push(Buffer.alloc((block - (content.length % block)) % block))
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * block)])
}

function header(name: string, mode: number, size: number, type: '0' | '5'): Buffer {
  if (Buffer.byteLength(name) > 100) throw new RangeError(`too long for an archive: ${name}`)
  const bytes = Buffer.alloc(block)
  const octal = (value: number, at: number, length: number): void => {
    bytes.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
  }
  bytes.write(name, 0, 'utf8')
  octal(mode, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(0, 136, 12)
  // The checksum is made with its own field as blanks.
  bytes.fill(0x20, 148, 156)
  bytes.write(type, 156, 'latin1')
  // Name and version of the format: a NUL, then two digits.
  bytes.write('ustar\0', 257, 'latin1')
  bytes.write('00', 263, 'latin1')
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}

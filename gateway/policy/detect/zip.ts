import { inflateRawSync } from 'node:zlib'

/**
 * The bytes of one file of a zip archive (a jar), or undefined when there is none, when it is larger than `limit` bytes unpacked, or when the
 * archive is not sound. Reads the central directory at the archive's end (APPNOTE 4.3); stored and deflated files only.
 */
export function unzipOne(archive: Buffer, name: string, limit: number): Buffer | undefined {
  const end = archive.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  if (end === -1 || end + 22 > archive.length) return undefined
  const count = archive.readUInt16LE(end + 10)
  let at = archive.readUInt32LE(end + 16)
  for (let index = 0; index < count; index += 1) {
    if (at + 46 > archive.length || archive.readUInt32LE(at) !== 0x02_01_4b_50) return undefined
    const nameLength = archive.readUInt16LE(at + 28)
    if (archive.toString('utf8', at + 46, at + 46 + nameLength) === name) return unpack(archive, at, limit)
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32)
  }
  return undefined
}

function unpack(archive: Buffer, entry: number, limit: number): Buffer | undefined {
  const method = archive.readUInt16LE(entry + 10)
  const packed = archive.readUInt32LE(entry + 20)
  const local = archive.readUInt32LE(entry + 42)
  if (local + 30 > archive.length || archive.readUInt32LE(local) !== 0x04_03_4b_50) return undefined
  const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
  if (start + packed > archive.length || packed > limit) return undefined
  const bytes = archive.subarray(start, start + packed)
  if (method === 0) return bytes
  if (method !== 8) return undefined
  try {
    return inflateRawSync(bytes, { maxOutputLength: limit })
  } catch {
    return undefined
  }
}

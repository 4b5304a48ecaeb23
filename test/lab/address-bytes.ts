import { isIP } from 'node:net'

/** The 4 or 16 bytes of an address. @throws Error when it is none. */
export function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  if (isIP(address) !== 6) throw new Error(`not an address: ${address}`)
  const text = address.replace(/\d+\.\d+\.\d+\.\d+$/, dotted =>
    (addressBytes(dotted).toString('hex').match(/.{4}/g) ?? []).join(':'),
  )
  const [head = '', tail] = text.split('::')
  const before = words(head)
  const after = words(tail ?? '')
  const bytes = Buffer.alloc(16)
  for (const [index, word] of before.entries()) bytes.writeUInt16BE(word, index * 2)
  for (const [index, word] of after.entries()) bytes.writeUInt16BE(word, (8 - after.length + index) * 2)
  return bytes
}

function words(part: string): number[] {
  return part === '' ? [] : part.split(':').map(word => Number.parseInt(word, 16))
}

/** The usual text of 4 or 16 address bytes (RFC 5952). */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const hex = Buffer.from(bytes).toString('hex')
  return new URL(`http://[${(hex.match(/.{4}/g) ?? []).join(':')}]/`).hostname.slice(1, -1)
}

/** A name read from a message: labels joined by dots, bytes that are not printable (and dots inside labels) as `\DDD`. */
export interface ReadName {
  readonly text: string
  /** Where reading goes on after the name. */
  readonly end: number
}

/** Reads a possibly compressed name at `offset`; `undefined` when it is malformed. */
export function readName(message: Uint8Array, offset: number): ReadName | undefined {
  const labels: string[] = []
  let at = offset
  let end: number | undefined
  for (let steps = 0; steps < 256; steps += 1) {
    const length = message[at]
    if (length === undefined) return undefined
    if (length === 0) return { text: labels.join('.'), end: end ?? at + 1 }
    if (length >= 192) {
      const low = message[at + 1]
      if (low === undefined) return undefined
      end ??= at + 2
      at = ((length & 63) << 8) | low
    } else {
      if (length > 63 || at + 1 + length > message.length) return undefined
      labels.push(escapeLabel(message.subarray(at + 1, at + 1 + length)))
      at += 1 + length
    }
  }
  return undefined
}

/** A name as uncompressed wire bytes. `\DDD` escapes are honoured. @throws Error when a label is empty or too long. */
export function nameBytes(name: string): Buffer {
  const text = name.endsWith('.') ? name.slice(0, -1) : name
  if (text === '') return Buffer.from([0])
  const labels = text.split('.').map(label => {
    const bytes = Buffer.from(
      label.replaceAll(/\\(\d{3})/g, (_, digits: string) => String.fromCharCode(Number(digits))),
      'latin1',
    )
    if (bytes.length === 0 || bytes.length > 63) throw new Error(`bad label in name: ${name}`)
    return Buffer.concat([Buffer.from([bytes.length]), bytes])
  })
  return Buffer.concat([...labels, Buffer.from([0])])
}

function escapeLabel(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes)
    text +=
      byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\${String(byte).padStart(3, '0')}`
  return text
}

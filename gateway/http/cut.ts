import type { Cut } from './fields.ts'

/** `bytes[0..end)` without the stretches in `cuts`; the very same memory where there are none. */
export function withoutCuts(bytes: Buffer, end: number, cuts: readonly Cut[] | undefined): Buffer {
  if (cuts === undefined) return end === bytes.length ? bytes : bytes.subarray(0, end)
  const parts: Buffer[] = []
  let from = 0
  for (const cut of cuts) {
    parts.push(bytes.subarray(from, cut.start), Buffer.from(cut.instead, 'latin1'))
    from = cut.end
  }
  parts.push(bytes.subarray(from, end))
  return Buffer.concat(parts)
}

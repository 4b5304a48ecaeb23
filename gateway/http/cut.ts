/** A stretch of a head that must not pass, and what goes in its place. */
export interface Cut {
  readonly start: number
  readonly end: number
  readonly instead: string
}

/** Notes a stretch; they come in the order of the head. */
export function cut(fields: { cuts: Cut[] | undefined }, start: number, end: number, instead = ''): void {
  ;(fields.cuts ??= []).push({ start, end, instead })
}

/** `bytes[0..end)` without the stretches in `cuts`; the very same memory where there are none. */
export function withoutCuts(bytes: Buffer, end: number, cuts: readonly Cut[] | undefined): Buffer {
  if (cuts === undefined) return end === bytes.length ? bytes : bytes.subarray(0, end)
  const parts: Buffer[] = []
  let from = 0
  for (const one of cuts) {
    parts.push(bytes.subarray(from, one.start), Buffer.from(one.instead, 'latin1'))
    from = one.end
  }
  parts.push(bytes.subarray(from, end))
  return Buffer.concat(parts)
}

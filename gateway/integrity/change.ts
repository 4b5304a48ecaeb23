import type { FileEvent, ProcessInfo } from '../record/event.ts'
import type { Found } from './content.ts'
import type { OctetPath } from './plain-file.ts'

/** A tracked file that came to hold something else. */
export interface Change {
  readonly path: OctetPath
  readonly event: Extract<FileEvent, 'overwritten' | 'restored' | 'deleted'>
  readonly before: string | undefined
  readonly after: string | undefined
  readonly process: ProcessInfo | undefined
  /** What was there before, nothing or a part, is the beginning of what is there after: as of a file that is being written. */
  readonly isGrown?: boolean
}

/** Who wrote since a file was looked at last, and how many of them finished. */
export interface Written {
  readonly process: ProcessInfo | undefined
  readonly count: number
}

/** What became of a file that was this and is that. */
export function changesOf(path: OctetPath, was: Found, found: Found, { process, count }: Written): readonly Change[] {
  const facts = { path, after: found.id, process, isGrown: found.isGrown === true }
  if (found.id === was.id || (found.isRight && was.isRight)) {
    // Two wrote before we could read once, and it is what it was: one of them has put it back.
    const isPutBack = found.isRight && was.isRight && count > 1
    return isPutBack ? [{ ...facts, event: 'restored', before: undefined, isGrown: false }] : []
  }
  if (found.isRight) return [{ ...facts, event: 'restored', before: was.id }]
  return [{ ...facts, event: found.id === undefined ? 'deleted' : 'overwritten', before: was.id }]
}

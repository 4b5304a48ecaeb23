/** What to send; one character an octet. */
export type RawStep =
  | { readonly send: string }
  /** One octet at a time. */
  | { readonly slowly: string }
  /** Goes on when this has come back. */
  | { readonly await: string }
  | { readonly leave: true }

/** One conversation on a connection of its own. */
export interface RawCase {
  readonly name: string
  readonly host: string
  readonly secure: boolean
  readonly steps: readonly RawStep[]
  /** What ends it; else the other side does. */
  readonly until?: string
}

/** What came back. */
export interface RawAnswer {
  readonly name: string
  /** `enough` (what was waited for came), `end`, `close`, `left`, `too late`, or the code of an error. */
  readonly end: string
  /** Bytes. */
  readonly length: number
  readonly sha256: string
  /** The first 4,096 bytes. */
  readonly text: string
}

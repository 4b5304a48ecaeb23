/** One request over HTTP/2. */
export interface H2Case {
  readonly name: string
  /** Names and values in turn, pseudo fields first. */
  readonly head: readonly string[]
  readonly body?: string
  readonly trailers?: Readonly<Record<string, string>>
}

/** What came back. */
export interface H2Answer {
  readonly name: string
  /** Names and values in turn, as they came. */
  readonly head: readonly string[]
  readonly interim: readonly (readonly string[])[]
  readonly trailers: readonly string[]
  /** Bytes of the body. */
  readonly length: number
  readonly sha256: string
  /** With which the stream was closed. */
  readonly code: number
}

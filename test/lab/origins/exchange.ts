import type { Duplex } from 'node:stream'

/** A header line as it was written: name and value, order and case kept. */
export type HeaderLine = readonly [name: string, value: string]

/** A request in the hands of an origin; the same for HTTP/1 and HTTP/2. */
export interface Exchange {
  readonly protocol: 'http/1.1' | 'h2'
  readonly encrypted: boolean
  readonly method: string
  /** As sent: path and query. */
  readonly target: string
  /** The target without its query, still escaped. */
  readonly path: string
  readonly query: URLSearchParams
  /** Host or :authority in lower case, without the port. */
  readonly host: string
  readonly headers: readonly HeaderLine[]
  /** The address the client connected to. */
  readonly localAddress: string
  readonly remoteAddress: string
  /** To be read once. */
  readonly body: AsyncIterable<Buffer>
  /** The head as received (HTTP/1 only). */
  readonly head: Uint8Array
  /** Trailer lines; complete once the body has been read. */
  readonly trailers: readonly HeaderLine[]
}

/** A step of a response that is written byte for byte (HTTP/1 only). */
export type RawStep =
  { readonly send: string | Uint8Array } | { readonly waitMs: number } | { readonly end: 'fin' | 'reset' }

/** What an origin answers. Nothing is added to `headers` but the framing of the body, and not even that if it is there. */
export interface Reply {
  readonly status: number
  /** HTTP/1 status text. */
  readonly reason?: string
  readonly headers?: readonly HeaderLine[]
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  /** Content length of a streamed body; without it HTTP/1 is chunked. */
  readonly length?: number
  readonly trailers?: readonly HeaderLine[]
  /** 1xx responses sent first. */
  readonly informational?: readonly { readonly status: number; readonly headers?: readonly HeaderLine[] }[]
  /** What happens to the connection (or h2 stream) after the body: it stays, FIN, RST. */
  readonly end?: 'close' | 'reset'
}

/** A response of an HTTP/1 origin as a script of bytes. */
export interface RawReply {
  readonly raw: readonly RawStep[]
}

/** The origin takes the connection over (upgrades, HTTP/1 only). */
export interface Takeover {
  readonly takeOver: (socket: Duplex, rest: Buffer) => void
}

/** Answers a request. */
export type Handler = (exchange: Exchange) => Promise<Reply | RawReply | Takeover> | Reply | RawReply | Takeover

/** The value of the first header of that name. */
export function headerOf(headers: readonly HeaderLine[], name: string): string | undefined {
  return headers.find(([key]) => key.toLowerCase() === name)?.[1]
}

/** All of a body. */
export async function readAll(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  return Buffer.concat(pieces)
}

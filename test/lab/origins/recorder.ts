import { createHash, type Hash } from 'node:crypto'
import type { HeaderLine } from './exchange.ts'

/** Length, digest and beginning of a stream of bytes. */
export interface Digest {
  readonly length: number
  /** Hex. */
  readonly sha256: string
  /** The first 64 KiB. */
  readonly bytes: Uint8Array
}

/** A connection an origin accepted, or a handshake that failed. */
export interface ConnectionRecord {
  readonly id: number
  readonly timeMs: number
  /** The address and port the client connected to. */
  readonly address: string
  readonly port: number
  readonly peer: string
  readonly peerPort: number
  readonly encrypted: boolean
  /** `undefined`: no server name was sent, or no handshake took place. */
  readonly sni: string | undefined
  readonly alpn: string | undefined
  readonly tlsVersion: string | undefined
  readonly sessionReused: boolean
  /** Common name of the client's certificate. */
  readonly clientCertificate: string | undefined
  /** Code of what broke the handshake or the connection. */
  readonly error: string | undefined
  readonly closed: boolean
  /** The first 256 KiB received, after TLS; HTTP/1 only. */
  readonly received: Uint8Array
}

/** A request as an origin received it. */
export interface RequestRecord {
  readonly id: number
  readonly connection: number
  readonly timeMs: number
  readonly protocol: 'http/1.1' | 'h2' | 'grpc' | 'websocket'
  readonly encrypted: boolean
  readonly address: string
  readonly port: number
  readonly peer: string
  readonly sni: string | undefined
  readonly alpn: string | undefined
  readonly sessionReused: boolean
  readonly host: string
  readonly method: string
  readonly target: string
  readonly path: string
  /** In the order and case received; HTTP/2 with its pseudo headers. */
  readonly headers: readonly HeaderLine[]
  /** The head as received, blank line included; empty for HTTP/2. */
  readonly head: Uint8Array
  readonly body: Digest
  /** The body with its chunk framing and trailers, as received; HTTP/1 only. */
  readonly framed: Digest
  readonly trailers: readonly HeaderLine[]
  /** The whole body arrived. */
  readonly complete: boolean
}

/** Counts, hashes and keeps the beginning of what passes by. */
export class Tally {
  readonly #hash: Hash = createHash('sha256')
  readonly #kept: Uint8Array[] = []
  #room: number
  #length = 0

  constructor(keepBytes = 65_536) {
    this.#room = keepBytes
  }

  add(piece: Uint8Array): void {
    this.#length += piece.length
    this.#hash.update(piece)
    if (this.#room <= 0) return
    const kept = Buffer.from(piece.subarray(0, this.#room))
    this.#kept.push(kept)
    this.#room -= kept.length
  }

  digest(): Digest {
    return { length: this.#length, sha256: this.#hash.copy().digest('hex'), bytes: Buffer.concat(this.#kept) }
  }
}

/** A value that can still change while a connection lives. */
export type Live<T> = { -readonly [Key in keyof T]: T[Key] }

/** A connection while it lives. */
export interface LiveConnection extends Live<Omit<ConnectionRecord, 'received'>> {
  readonly receivedTally: Tally
}

/** A request while it arrives. */
export interface LiveRequest extends Live<Omit<RequestRecord, 'body' | 'framed'>> {
  readonly bodyTally: Tally
  readonly framedTally: Tally
}

/** What a request record is opened with. */
export type RequestFacts = Pick<RequestRecord, 'protocol' | 'host' | 'method' | 'target' | 'headers' | 'head'>

/** Keeps the connections and requests of all origins of the lab. */
export class Recorder {
  #connections: LiveConnection[] = []
  #requests: LiveRequest[] = []
  #ids = 0

  openConnection(facts: Omit<ConnectionRecord, 'id' | 'timeMs' | 'closed' | 'received'>): LiveConnection {
    const connection = {
      ...facts,
      id: (this.#ids += 1),
      timeMs: Date.now(),
      closed: false,
      receivedTally: new Tally(262_144),
    }
    this.#connections.push(connection)
    return connection
  }

  openRequest(connection: LiveConnection, facts: RequestFacts): LiveRequest {
    const { encrypted, address, port, peer, sni, alpn, sessionReused } = connection
    const request: LiveRequest = {
      ...facts,
      encrypted,
      address,
      port,
      peer,
      sni,
      alpn,
      sessionReused,
      connection: connection.id,
      id: (this.#ids += 1),
      timeMs: Date.now(),
      path: facts.target.split('?')[0] ?? '',
      trailers: [],
      complete: false,
      bodyTally: new Tally(),
      framedTally: new Tally(),
    }
    this.#requests.push(request)
    return request
  }

  connections(): readonly ConnectionRecord[] {
    return this.#connections.map(({ receivedTally, ...facts }) => ({
      ...facts,
      received: receivedTally.digest().bytes,
    }))
  }

  requests(): readonly RequestRecord[] {
    return this.#requests.map(({ bodyTally, framedTally, ...facts }) => ({
      ...facts,
      body: bodyTally.digest(),
      framed: framedTally.digest(),
    }))
  }

  clear(): void {
    this.#connections = []
    this.#requests = []
  }
}

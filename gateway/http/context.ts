import type { GatewayError } from '../errors.ts'
import type { Job } from '../jobs/job.ts'
import type { Address } from '../net/address.ts'
import type { Port } from '../net/port.ts'
import type { Host } from '../policy/decision.ts'
import type { ProcessInfo } from '../record/event.ts'
import type { Denied } from '../upstream/outside.ts'
import type { UpstreamPool } from '../upstream/pool.ts'

/** Interim answers of one exchange; more is not an answer but a flood. */
export const maxInterim = 64

/** Bounds of one client connection. Every read from a peer has a byte limit and a time limit. */
export interface HttpLimits {
  /** A request head, first to last byte, in milliseconds. */
  readonly headMs: number
  /** Between two requests on a kept connection, in milliseconds. */
  readonly idleMs: number
  /** Without a byte in either direction while a request, response or tunnel is open, in milliseconds. */
  readonly stallMs: number
  /** An HTTP/2 connection that is being closed is asked for a sign of life this often, in milliseconds. */
  readonly aliveMs: number
  /** Until the origin is connected and verified, in milliseconds. */
  readonly connectMs: number
  /** Bytes of a request head. */
  readonly maxRequestHead: number
  /** Bytes of a response head. */
  readonly maxResponseHead: number
  /** Bytes of one line of a head. */
  readonly maxLine: number
  /** Fields of one head. */
  readonly maxFields: number
}

/**
 * What real clients and origins need, with room. Kept connections outlive Go's 90 s, so that it is the client
 * that closes first; a stalled exchange may be a build that waits for a server which works for long.
 */
export const defaultHttpLimits: HttpLimits = {
  headMs: 10_000,
  idleMs: 120_000,
  stallMs: 3_600_000,
  aliveMs: 30_000,
  connectMs: 30_000,
  maxRequestHead: 65_536,
  maxResponseHead: 262_144,
  maxLine: 32_768,
  maxFields: 256,
}

/** One client connection that carries HTTP, as the front door understood it. */
export interface HttpContext {
  readonly job: Job
  /** What the connection is for: the virtual address's name (equal to the SNI), or the literal address. */
  readonly host: Host
  /** The address that the job dialled, when it stands for no name. */
  readonly literal?: Address
  /** The port the job meant. */
  readonly port: Port
  readonly scheme: 'https' | 'http'
  /** Flow id shared with the DNS answer. */
  readonly flow: string
  readonly process: ProcessInfo | undefined
  /** True when TLS was terminated here. */
  readonly inspected: boolean
  /** Kept connections to this very host, port and scheme. */
  readonly upstream: UpstreamPool
  /** The connection is refused as a whole, or its origin cannot be reached: answer the first request with the sentence. */
  readonly refusal?: Denied | GatewayError
  readonly limits: HttpLimits
  /** Connections that the job had open when this one came, itself included; default 1. */
  readonly crowd?: number
  /** Told of what goes on when the client's connection is closed; it never rejects. */
  readonly track?: (work: Promise<unknown>) => void
}

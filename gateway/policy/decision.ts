import type { Hostname } from '../net/hostname.ts'
import type { Address } from '../net/address.ts'
import type { Port } from '../net/port.ts'

/** How a rule wants a flow to be carried; `wss`/`ws` admit an upgrade on an inspected connection. */
export type Scheme = 'https' | 'http' | 'wss' | 'ws' | 'tls' | 'tcp' | 'udp'

/** A host as a flow meant it: a name of ours, or a literal address. */
export type Host = Hostname | Address

/** How an endpoint's connection is carried unread, once that is known. It changes which rule is named, and nothing else. */
export type Carried = 'tls' | 'raw'

/** Where a flow wants to go, as far as the layer that asks can see. */
export type Destination =
  | { readonly kind: 'name'; readonly host: Hostname }
  | {
      readonly kind: 'endpoint'
      readonly transport: 'tcp' | 'udp'
      readonly host: Hostname
      readonly port: Port
      readonly carried?: Carried
    }
  | {
      readonly kind: 'address'
      readonly transport: 'tcp' | 'udp'
      readonly address: Address
      readonly port: Port
      readonly carried?: Carried
    }
  | {
      readonly kind: 'request'
      /** `wss`/`ws` for an upgrade to WebSocket. */
      readonly scheme: 'https' | 'http' | 'wss' | 'ws'
      readonly host: Host
      readonly port: Port
      /** As sent, case-sensitive (RFC 9110 §9.1). */
      readonly method: string
      /** Normal form made by `net/path.ts`: dot segments removed (or, as a second reading, left in), unreserved escapes decoded, no query. */
      readonly path: string
    }

/** Why a flow is refused, or would be (contracts.md §3). Closed set: log, metrics and refusals use it. */
export type DenyReason =
  | 'no-rule'
  | 'denied-by-rule'
  | 'forbidden'
  | 'address-literal'
  | 'private-address'
  | 'sni-mismatch'
  | 'host-mismatch'
  | 'no-sni'
  | 'method'
  | 'path'
  | 'upgrade'
  | 'protocol'
  | 'dns-type'
  | 'dns-budget'
  | 'too-large'
  | 'malformed'
  | 'job-unknown'
  | 'log-failure'

export type Reason = 'rule' | DenyReason

/** What the matching rules of an endpoint admit; the door picks by the bytes it sees. */
export interface Carriage {
  /** TLS is terminated and each request decided again (`https`, `wss`). */
  readonly inspectTls: boolean
  /** Plain HTTP, each request decided again (`http`, `ws`). */
  readonly http: boolean
  /** TLS by SNI only, spliced (`tls`, or `https` under `tls.inspect: rules|none`). */
  readonly passTls: boolean
  /** Any protocol, spliced, server may speak first (`tcp`), or UDP datagrams (`udp`). */
  readonly raw: boolean
}

/** The verdict on one flow, with the rule that gave it, so that a log line explains itself. */
export type Decision =
  | {
      readonly verdict: 'allow'
      readonly reason: 'rule'
      /** Text and place, e.g. `allow[2] GET,HEAD https://api.github.com/repos/acme/**`. */
      readonly rule: string
      /** Present when the rule names this very host, without a `*`: DNS budgets are for names an attacker may choose. */
      readonly namesHost?: true
      readonly carriage: Carriage
      /** Bytes of request body that this rule allows per request; absent = no limit. */
      readonly maxRequestBytes?: number
    }
  | {
      /** Audit mode: this would be denied. Carried as far as it can be. */
      readonly verdict: 'observe'
      readonly reason: DenyReason
      readonly rule: string | null
      readonly carriage: Carriage
    }
  | { readonly verdict: 'deny'; readonly reason: DenyReason; readonly rule: string | null }

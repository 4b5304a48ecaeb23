import type { Socket } from 'node:net'
import type { Address } from '../net/address.ts'
import type { Hostname } from '../net/hostname.ts'
import type { Port } from '../net/port.ts'
import type { Decision, DenyReason, Host } from '../policy/decision.ts'
import type { Policy } from '../policy/policy.ts'

/** Resolves names for the gateway itself, both families, cached by TTL. */
export interface Resolver {
  /**
   * Addresses of `host`, IPv6 and IPv4, in the resolver's order; never empty.
   * @throws GatewayError UPSTREAM_DNS (details.rcode) when it does not exist or the resolver fails.
   */
  resolve(host: Hostname, signal: AbortSignal): Promise<readonly Address[]>
}

/** A refusal as a value: what `decide` says, and what a dial says when no address may be dialled. */
export type Denied = Extract<Decision, { verdict: 'deny' }>

/** A TCP connection to the outside, and the address that was really dialled. */
export interface Dialled {
  /** Paused; owned by the caller. */
  readonly socket: Socket
  readonly address: Address
  /** Audit mode only: why block mode would not have dialled this address. */
  readonly observed?: DenyReason
}

/** What a dial decides by: the policy's `private` ranges are checked on the address, after resolution. */
export interface DialTarget {
  readonly host: Host
  readonly port: Port
  readonly policy: Policy
}

/** Opens one TCP connection attempt; the seam by which tests reach loopback under documentation addresses. */
export type Connect = (address: Address, port: Port) => Socket

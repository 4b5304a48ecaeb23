import type { Insight } from '../insight/insight.ts'
import type { Address } from '../net/address.ts'
import type { Hostname } from '../net/hostname.ts'
import type { Port } from '../net/port.ts'
import type { Policy } from '../policy/policy.ts'
import type { FlowEvent, OpenFlow, ProcessInfo, Sink } from '../record/event.ts'

/** The virtual addresses of one job: each belongs to one name (design.md §3). */
export interface VirtualAddresses {
  /** The address of `host`, kept at least `ttlSeconds` after this call; undefined when the pool is exhausted. */
  assign(host: Hostname, ttlSeconds: number, flow: string): Address | undefined
  /** Which name an address stands for, and the flow id of the DNS answer that gave it. */
  lookup(address: Address): { readonly host: Hostname; readonly flow: string } | undefined
  /** Keeps the address from being reused until disposed (an open connection). */
  hold(address: Address): Disposable
}

/** The job's side of one connection or datagram, as seen by the gateway: enough to find the process behind it. */
export interface JobSocket {
  readonly transport: 'tcp' | 'udp'
  /** The job's own address and port. */
  readonly source: { readonly address: Address; readonly port: Port }
  /** Where the job meant to go. */
  readonly destination: { readonly address: Address; readonly port: Port }
}

/** Everything the data path needs to know about the job whose packet it holds. */
export interface Job {
  readonly name: string
  /** The policy in force; replaced as a whole on reload, so read it at each decision. */
  readonly policy: Policy
  /**
   * Calls `look` after each change of the policy, before anything else runs, until disposed: whoever holds something open
   * decides again, and cuts what is denied now. `look` must not throw.
   */
  onPolicyChange(look: () => void): Disposable
  /** Address of the job's end of the wire. */
  readonly address: Address
  readonly names: VirtualAddresses
  readonly sink: Sink
  /** True when the log cannot be written and the policy says `onLogFailure: deny`: new flows are refused. */
  readonly recordFailed: boolean
  /** Who looks at what the job does beside the policy's rules; undefined when nobody does. */
  readonly insight?: Insight | undefined
  /** Opens the record of a flow; dispose it when the flow ends, however it ends. */
  openFlow(facts: Omit<FlowEvent, 'startedAt'>): OpenFlow
  /** A new flow id, unique in the job. */
  newFlowId(): string
  /** Who is at the other end, or undefined where that cannot be known. Call while the client waits. */
  attribute(socket: JobSocket): Promise<ProcessInfo | undefined>
}

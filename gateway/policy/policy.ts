import type { Address } from '../net/address.ts'
import type { Cidr } from '../net/cidr.ts'
import type { InsightSettings } from './insight.ts'
import type { RuleIndex } from './rule-index.ts'
import type { UdpDestination } from './udp-destinations.ts'

/** `audit` carries what it would refuse and says so; `block` refuses it. */
export type Mode = 'audit' | 'block'

/** Which TLS the gateway terminates: all, only hosts with a rule on method, path, upgrade or size, or none. */
export type Inspect = 'all' | 'rules' | 'none'

/** A key that a policy may leave out, where leaving it out must not undo what another policy says. */
export type Unsaid = 'inspect' | 'onLogFailure'

/** The rules of one policy file and what came with it; a flow passes if every layer lets it. */
export interface Layer {
  /** Stands before the rule in logs: empty for the platform's policy, `job:` for the job's. */
  readonly name: string
  readonly mode: Mode
  readonly inspect: Inspect
  readonly allowing: RuleIndex
  /** `deny` and `forbid`. */
  readonly refusing: RuleIndex
  /** What the `udp://` rules among `allow` admit, for the packet filter. */
  readonly udp: readonly UdpDestination[]
  /** `private:`; undefined when the policy does not say. */
  readonly privateRanges: readonly Cidr[] | undefined
}

/** A compiled policy: immutable, decided on by `decide()`. */
export interface Policy {
  readonly mode: Mode
  readonly tls: { readonly inspect: Inspect; readonly extraCa: readonly string[] }
  readonly onLogFailure: 'deny' | 'allow'
  /** What is looked at beside the flows. */
  readonly insight: InsightSettings
  /** What the document left to its default. */
  readonly unsaid: readonly Unsaid[]
  /** SHA-256 (hex) of the canonical policy text, for the log. */
  readonly digest: string
  readonly layers: readonly Layer[]
  /** May a name resolve to this address? False for private and special ranges outside `private:`. Not for literals: those are decided by rules. */
  mayResolveTo(address: Address): boolean
  /** True for addresses that are dialled in no mode, by no rule: loopback, unspecified, multicast, broadcast, 198.18.0.0/15. */
  neverDial(address: Address): boolean
}

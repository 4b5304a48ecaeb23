import { type Address, addressFromBytes, bytesOf, familyOf } from './address.ts'
import { blockTest, parseCidr } from './cidr.ts'

/**
 * What kind of place an address is, by the IANA special-purpose registries (RFC 6890) and the clouds' own services.
 * `virtual` is ours: 198.18.0.0/15, where every address stands for a name. `documentation` leads nowhere.
 */
export type AddressClass =
  | 'public'
  | 'documentation'
  | 'private'
  | 'cgnat'
  | 'loopback'
  | 'unspecified'
  | 'link-local'
  | 'metadata'
  | 'multicast'
  | 'broadcast'
  | 'virtual'
  | 'reserved'

/**
 * The class of an address after IPv4 inside IPv6 is unwrapped (mapped, translated, NAT64, 6to4, Teredo), so that two
 * spellings of one place are classified alike. Where several addresses are wrapped (Teredo), the least public one counts.
 */
export function classifyAddress(address: Address): AddressClass {
  const before = known.get(address)
  if (before !== undefined) return before
  const inner = embedded(address).map(classOf)
  const hidden = inner.find(kind => kind !== 'public' && kind !== 'documentation')
  const found = hidden ?? (isLocalTranslation(address) ? 'private' : (inner[0] ?? classOf(address)))
  if (known.size >= mostKnown) known.clear()
  known.set(address, found)
  return found
}

/** Asked several times per connection, about few addresses; finding out takes some 20 µs. */
const known = new Map<Address, AddressClass>()
const mostKnown = 1_024

const metadata: ReadonlySet<string> = new Set([
  '169.254.169.254', // AWS, Azure, GCP, Oracle, DigitalOcean and others
  '168.63.129.16', // Azure WireServer
  '169.254.170.2', // AWS ECS task credentials
  '169.254.170.23', // AWS EKS pod identity
  '100.100.100.200', // Alibaba Cloud
  '192.0.0.192', // Oracle Cloud, classic
  '169.254.42.42', // Scaleway
  'fd00:ec2::254', // AWS
  'fd00:ec2::23', // AWS EKS pod identity
  'fd20:ce::254', // GCP
  'fd00:42::42', // Scaleway
])

// First match counts, so the narrower block stands before the wider.
const v4Blocks = blocks([
  ['0.0.0.0/8', 'unspecified'], // Linux connects 0.0.0.0 to itself
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'cgnat'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'reserved'],
  ['192.0.2.0/24', 'documentation'],
  ['192.88.99.0/24', 'reserved'], // 6to4 relay anycast, RFC 7526
  ['192.168.0.0/16', 'private'],
  ['198.18.0.0/15', 'virtual'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['255.255.255.255/32', 'broadcast'],
  ['240.0.0.0/4', 'reserved'],
])

const v6Blocks = blocks([
  ['::1/128', 'loopback'],
  ['::/128', 'unspecified'],
  ['2001:db8::/32', 'documentation'],
  ['3fff::/20', 'documentation'], // RFC 9637
  ['2001::/23', 'reserved'], // IETF protocol assignments
  ['2000::/3', 'public'], // the only global unicast space IANA has opened
  ['fc00::/7', 'private'],
  ['fe80::/10', 'link-local'],
  ['fec0::/10', 'private'], // site-local, RFC 3879
  ['ff00::/8', 'multicast'],
  ['::/0', 'reserved'],
])

function classOf(address: Address): AddressClass {
  if (metadata.has(address)) return 'metadata'
  const v4 = familyOf(address) === 4
  const bytes = bytesOf(address)
  const found = (v4 ? v4Blocks : v6Blocks).find(([holds]) => holds(bytes))
  return found?.[1] ?? (v4 ? 'public' : 'reserved')
}

const translations: readonly { readonly holds: BlockTest; readonly at: readonly number[]; readonly invert?: number }[] =
  [
    { holds: block('::ffff:0:0:0/96'), at: [12] }, // SIIT, RFC 7915
    { holds: block('64:ff9b::/96'), at: [12] }, // NAT64, RFC 6052
    { holds: block('64:ff9b:1::/48'), at: [12] }, // local-use NAT64, RFC 8215
    { holds: block('2002::/16'), at: [2] }, // 6to4, RFC 3056
    { holds: block('2001::/32'), at: [4, 12], invert: 12 }, // Teredo, RFC 4380: server, and client with its bits inverted
  ]

const localTranslation = block('64:ff9b:1::/48')

/** A translator of the network's own may read the IPv4 address in other places too (RFC 6052 §2.2): nobody is public there. */
function isLocalTranslation(address: Address): boolean {
  return familyOf(address) === 6 && localTranslation(bytesOf(address))
}

/** The IPv4 addresses that an IPv6 address carries; empty for most. */
function embedded(address: Address): readonly Address[] {
  if (familyOf(address) === 4) return []
  const bytes = bytesOf(address)
  const found = translations.find(({ holds }) => holds(bytes))
  if (found === undefined) return []
  return found.at.flatMap(at => {
    const inner = addressFromBytes(bytes.slice(at, at + 4).map(byte => (at === found.invert ? byte ^ 0xff : byte)))
    return inner === undefined ? [] : [inner]
  })
}

function blocks(table: readonly (readonly [string, AddressClass])[]): readonly (readonly [BlockTest, AddressClass])[] {
  return table.map(([text, kind]) => [block(text), kind] as const)
}

type BlockTest = ReturnType<typeof blockTest>

function block(text: string): BlockTest {
  const cidr = parseCidr(text)
  if (cidr === undefined) throw new TypeError(`not a block: ${text}`)
  return blockTest(cidr)
}

import type { Address } from '../net/address.ts'
import type { Port } from '../net/port.ts'
import type { Mode } from '../policy/policy.ts'

/** Where `udp://` rules may lead, as packets show it: an address that a rule names, or any virtual address on its port. */
export interface UdpRange {
  /** An address or a block in CIDR notation, IPv4. */
  readonly to: string
  readonly from: Port
  readonly upTo: Port
}

/**
 * How the kernel hands a connection of the job to the front door. `tproxy` as it is, without tracking it; `redirect` with
 * its address rewritten, which is asked back (SO_ORIGINAL_DST). Only `tproxy` can carry UDP other than DNS.
 */
export type Steering = 'tproxy' | 'redirect'

/** What the table of one job depends on. */
export interface RulesetInput {
  /** Name of the table; unique on the machine. */
  readonly table: string
  /** The gateway's end of the wire. */
  readonly device: string
  readonly gatewayAddress: Address
  readonly jobAddress: Address
  readonly mode: Mode
  readonly steering: Steering
  /** Transparent listeners on the gateway's address. */
  readonly doorPort: Port
  readonly dnsTcpPort: Port
  readonly udpFrontPort: Port
  /** Where DNS over UDP is answered. */
  readonly dnsUdpPort: Port
  readonly udpRanges: readonly UdpRange[]
  /** Most DNS exchanges, and most redirected connections, of this job that connection tracking may hold at once. */
  readonly trackedFlows: number
}

/** Names of the sets in which the kernel counts what it refused; the ledger reads them. */
export const ledgerSets = {
  denied: 'denied',
  protocol: 'denied_protocol',
  fragment: 'denied_fragment',
  spoofed: 'denied_spoofed',
  echo: 'answered_echo',
} as const

/** Counts refused packets whose destination did not fit its set. */
export const overflowCounter = 'uncounted'

/** Where no TCP connection can be made, so that the front door never sees one. */
const unreachable = '{ 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/4, 255.255.255.255 }'

/** Elements of each ledger set. A job that scans more destinations than this is counted, not listed. */
const ledgerSize = 2_048

/**
 * The packet filter of one job as one script for one atomic `nft -f -`. It speaks about packets of the job's wire and
 * packets to its link address, and leaves everything else on the machine as it is. With `keep`, the table is there and
 * what it has counted stays; only its rules are replaced. Pure.
 */
export function renderRuleset(input: RulesetInput, keep: 'keep' | 'new' = 'new'): string {
  const { table, device, gatewayAddress: gateway, mode } = input
  const way = input.steering === 'tproxy' ? renderTproxy(input) : renderRedirect(input)
  const audit = (rule: string): string => (mode === 'audit' ? rule : '')
  const other = `iifname != "${device}" accept comment "other interfaces are none of our business"`
  const before = keep === 'keep' ? `flush table inet ${table}` : `table inet ${table}\ndelete table inet ${table}`
  return `${before}
table inet ${table} {
${renderSets()}
  chain arrive {
    comment "before reassembly (-400) and connection tracking (-200)"
    type filter hook prerouting priority -450; policy accept;
    ${other}
    meta nfproto ipv6 drop comment "the wire carries IPv4 only; its device drops the rest before, and counts it"
    ${refused(`ip saddr != ${input.jobAddress}`, ledgerSets.spoofed, 'ip saddr . ip daddr . meta l4proto', 'drop', 'not from the job')}
    ${refused('ip frag-off & 0x3fff != 0', ledgerSets.fragment, 'ip daddr . meta l4proto', 'drop', 'a fragment shows no port')}
    ${refused('meta l4proto { tcp, udp } th dport 0', ledgerSets.fragment, 'ip daddr . meta l4proto', 'drop', 'nor does this')}
    ${refused('meta l4proto { tcp, udp } th sport 0', ledgerSets.fragment, 'ip daddr . meta l4proto', 'drop', 'and this cannot be answered')}
${audit('    icmp type echo-request accept comment "tracked: the answer comes from the address that was asked"\n')}    udp dport != 53 notrack comment "the job must not fill the table of connections"
    meta l4proto ${way.untracked} notrack comment "the same"
  }

  chain steer {
    type filter hook prerouting priority mangle; policy accept;
    ${other}
    ${refused(`ip daddr ${unreachable} meta l4proto tcp`, ledgerSets.denied, 'ip daddr . meta l4proto . th dport', 'drop', 'the kernel would drop it uncounted')}
${way.steer}
    udp dport 53 ct state new ct count over ${input.trackedFlows} drop comment "a flood of DNS"
    udp dport 53 accept comment "DNS to any address: rewritten below"
${way.udp}
${renderPing(mode)}
    icmp type { destination-unreachable, time-exceeded } ip daddr 198.18.0.0/15 drop comment "late answers to us"
    ${refused('meta l4proto tcp', ledgerSets.denied, 'ip daddr . meta l4proto . th dport', 'reject with tcp reset', 'no gateway listens')}
    ${refused('meta l4proto udp', ledgerSets.denied, 'ip daddr . meta l4proto . th dport', 'reject with icmp port-unreachable', 'no rule: fail fast')}
    ${refused('', ledgerSets.protocol, 'ip daddr . meta l4proto', 'drop', 'no such protocol here')}
  }

  chain answer_names {
    type nat hook prerouting priority dstnat - 10; policy accept;
    iifname "${device}" udp dport 53 dnat ip to ${gateway}:${input.dnsUdpPort} comment "DNS to any address"
${way.rewrite}${audit(`    iifname "${device}" icmp type echo-request dnat ip to ${gateway} comment "the kernel answers only for addresses it has"\n`)}  }

  chain admit {
    type filter hook input priority filter; policy accept;
    iifname != "${device}" iifname "tg*" ip saddr 198.19.0.0/16 accept comment "another job: its own table decides, and counts"
    iifname != "${device}" ip daddr { ${gateway}, ${input.jobAddress} } drop comment "the link address is the job's alone"
    ${other}
    ${way.admit}
    ip daddr ${gateway} udp dport ${input.dnsUdpPort} accept comment "DNS"
${audit(`    ip daddr ${gateway} icmp type echo-request accept comment "answered here"\n`)}    counter name "${overflowCounter}" drop comment "the machine's own ports"
  }

  chain never_through {
    type filter hook forward priority filter; policy accept;
    iifname "${device}" counter name "${overflowCounter}" drop comment "never forwarded"
    oifname "${device}" drop comment "nor answered from elsewhere"
  }

  chain untracked {
    type filter hook output priority raw; policy accept;
${audit(`    oifname "${device}" icmp type echo-reply accept\n`)}    oifname "${device}" udp sport != ${input.dnsUdpPort} notrack
    oifname "${device}" meta l4proto ${way.untracked} notrack
  }

  chain leave {
    type filter hook output priority filter; policy accept;
    oifname != "${device}" accept comment "other interfaces are none of our business"
    meta nfproto ipv6 drop comment "the wire carries IPv4 only"
    tcp flags & (syn | ack) == syn drop comment "nobody dials into the job"
    meta l4proto tcp accept comment "answers"
    ip saddr ${gateway} udp sport ${input.dnsUdpPort} accept comment "DNS"
${way.leave}    icmp type { destination-unreachable, time-exceeded, echo-reply } accept comment "refusals, and pings in audit"
    drop
  }
}
`
}

/** What differs by how connections come in: a line or more for each chain, or nothing. */
interface Way {
  readonly untracked: string
  readonly steer: string
  readonly udp: string
  readonly rewrite: string
  readonly admit: string
  readonly leave: string
}

function renderTproxy(input: RulesetInput): Way {
  const { gatewayAddress: gateway } = input
  return {
    untracked: '!= udp',
    steer: `    tcp dport 53 tproxy ip to ${gateway}:${input.dnsTcpPort} accept comment "DNS to any address"
    meta l4proto tcp tproxy ip to ${gateway}:${input.doorPort} accept comment "the front door"`,
    udp: renderUdp(input),
    rewrite: '',
    admit: 'meta l4proto { tcp, udp } socket transparent 1 accept comment "steered here above"',
    leave: '    meta l4proto udp socket transparent 1 accept comment "answers of admitted UDP"\n',
  }
}

/** Connections are tracked, in bounded number, so that the kernel remembers where they were meant to go. */
function renderRedirect({ device, gatewayAddress: gateway, dnsTcpPort, doorPort, trackedFlows }: RulesetInput): Way {
  return {
    untracked: '!= { tcp, udp }',
    steer: `    meta l4proto tcp ct state new ct count over ${trackedFlows} drop comment "a flood of connections"
    meta l4proto tcp accept comment "rewritten below"`,
    udp: '    # other UDP falls through to the refusal: only tproxy can carry it',
    rewrite: `    iifname "${device}" tcp dport 53 dnat ip to ${gateway}:${dnsTcpPort} comment "DNS to any address"
    iifname "${device}" meta l4proto tcp dnat ip to ${gateway}:${doorPort} comment "the front door"\n`,
    admit: `ip daddr ${gateway} tcp dport { ${dnsTcpPort}, ${doorPort} } accept comment "rewritten above"`,
    leave: '',
  }
}

function renderSets(): string {
  return [
    renderLedger(ledgerSets.denied, 'ipv4_addr . inet_proto . inet_service'),
    renderLedger(ledgerSets.protocol, 'ipv4_addr . inet_proto'),
    renderLedger(ledgerSets.fragment, 'ipv4_addr . inet_proto'),
    renderLedger(ledgerSets.spoofed, 'ipv4_addr . ipv4_addr . inet_proto'),
    renderLedger(ledgerSets.echo, 'ipv4_addr'),
    `  counter ${overflowCounter} { }`,
  ].join('\n')
}

function renderLedger(name: string, type: string): string {
  return `  set ${name} { type ${type}; flags dynamic,timeout; size ${ledgerSize}; timeout 1h; }`
}

function renderUdp({ gatewayAddress, udpFrontPort, udpRanges, mode }: RulesetInput): string {
  const front = `tproxy ip to ${gatewayAddress}:${udpFrontPort} accept`
  if (mode === 'audit') return `    ip daddr != 224.0.0.0/3 meta l4proto udp ${front} comment "audit: any UDP"`
  // A rule each and no set: the ranges of two policy rules may overlap, which a set of the kernel's may not.
  return udpRanges
    .map(({ to, from, upTo }) => `    ip daddr ${to} udp dport ${from}-${upTo} ${front} comment "UDP rules"`)
    .join('\n')
}

function renderPing(mode: Mode): string {
  if (mode === 'block') return '    # pings fall through to the refusal of protocols'
  const what = 'icmp type echo-request ip daddr != 224.0.0.0/3'
  return `    ${what} ct state new ct count over 256 drop comment "a flood of pings"
    ${what} update @${ledgerSets.echo} { ip daddr counter } accept comment "audit: answered here, never forwarded"
    ${what} counter name "${overflowCounter}" accept comment "the same, not listed"`
}

/** Two rules: count and refuse; and where the set is full, which ends the first rule early, refuse all the same. */
function refused(match: string, set: string, key: string, verdict: string, why: string): string {
  const head = match === '' ? '' : `${match} `
  return `${head}update @${set} { ${key} counter } ${verdict} comment "${why}"
    ${head}counter name "${overflowCounter}" ${verdict} comment "${why}; not listed"`
}

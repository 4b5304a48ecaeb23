/** Where a name lives, in one family or both. */
export interface Place {
  readonly v4?: string
  readonly v6?: string
}

/**
 * The address plan. `host` is the machine under test; everything of `internet` answers on purpose; whatever is sent to
 * any other address ends in the sink.
 */
export const addresses = {
  host: { v4: '192.0.2.10', v6: '2001:db8:2::10' },
  gateway: { v4: '192.0.2.1', v6: '2001:db8:2::1' },
  /** A machine on the host's own network segment. */
  neighbour: { v4: '192.0.2.20', v6: '2001:db8:2::20' },
  resolver: { v4: '198.51.100.53', v6: '2001:db8::53' },
  /** Where names live unless something else is said: a shared address, as of a CDN. */
  shared: { v4: '198.51.100.10', v6: '2001:db8::10' },
  /** A second shared address with the same virtual hosts behind it. */
  sharedToo: { v4: '198.51.100.11', v6: '2001:db8::11' },
  tls12: { v4: '198.51.100.12', v6: '2001:db8::12' },
  noAlpn: { v4: '198.51.100.13', v6: '2001:db8::13' },
  clientCert: { v4: '198.51.100.14', v6: '2001:db8::14' },
  /** Known, but nothing listens: connections are reset. */
  refused: { v4: '198.51.100.15', v6: '2001:db8::15' },
  /** Known, but packets vanish. */
  blackhole: { v4: '198.51.100.16', v6: '2001:db8::16' },
  /** Accepts connections and never says a word. */
  silent: { v4: '198.51.100.17', v6: '2001:db8::17' },
  bulk: { v4: '198.51.100.20', v6: '2001:db8::20' },
  ssh: { v4: '198.51.100.22', v6: '2001:db8::22' },
  grpc: { v4: '198.51.100.30', v6: '2001:db8::30' },
  /** The attacker's resolver; it lives in the sink. */
  outsideResolver: { v4: '203.0.113.53', v6: '2001:db8:66::53' },
  /** The attacker's server; it lives in the sink, as does every unknown address. */
  attacker: { v4: '203.0.113.66', v6: '2001:db8:66::66' },
} as const satisfies Readonly<Record<string, Place>>

/** Metadata services of clouds and of container engines. */
export const metadataAddresses: readonly string[] = [
  '169.254.169.254',
  '168.63.129.16',
  '169.254.170.2',
  'fd00:ec2::254',
]

/** Every address the internet namespace holds itself. */
export const internetAddresses: readonly string[] = [
  ...metadataAddresses,
  ...placesOfTheInternet().flatMap((place): string[] => [place.v4, place.v6]),
]

function placesOfTheInternet() {
  return [
    addresses.resolver,
    addresses.shared,
    addresses.sharedToo,
    addresses.tls12,
    addresses.noAlpn,
    addresses.clientCert,
    addresses.refused,
    addresses.blackhole,
    addresses.silent,
    addresses.bulk,
    addresses.ssh,
    addresses.grpc,
  ]
}

/** The two wires of the lab; hardware addresses are fixed so that no neighbour discovery is ever needed. */
export const wires = {
  uplink: {
    host: { device: 'up0', mac: '02:74:67:00:00:0a' },
    internet: { device: 'down0', mac: '02:74:67:00:00:01' },
    /** Nobody: markers of `settled()` go there. */
    marker: { v4: '192.0.2.100', mac: '02:74:67:00:00:fe' },
  },
  away: {
    internet: { device: 'away0', mac: '02:74:67:00:01:01', v4: '192.0.2.129', v6: 'fd74:6761:7465::1' },
    sink: { device: 'sink0', mac: '02:74:67:00:01:02', v4: '192.0.2.130', v6: 'fd74:6761:7465::2' },
    marker: { v4: '192.0.2.200', mac: '02:74:67:00:01:fe' },
  },
} as const

/** UDP port of the markers. */
export const markerPort = 9

import { addresses, type Place } from './addresses.ts'

/** Names the lab serves from the start, and where they live. Tests add their own with `lab.dns.set` or `lab.serve`. */
export const wellKnownNames: Readonly<Record<string, Place>> = {
  'lab.test': addresses.shared,
  'api.acme.test': addresses.shared,
  'files.acme.test': addresses.shared,
  'cdn.acme.test': addresses.shared,
  'other.acme.test': addresses.shared,
  'github.test': addresses.shared,
  'git.acme.test': addresses.shared,
  'npm.acme.test': addresses.shared,
  'pypi.acme.test': addresses.shared,
  'apt.acme.test': addresses.shared,
  'ws.acme.test': addresses.shared,
  'doh.acme.test': addresses.shared,
  'example.com': addresses.shared,
  'www.example.com': addresses.sharedToo,
  'elsewhere.acme.test': addresses.sharedToo,
  // Speaks only the one protocol.
  'h1.acme.test': addresses.shared,
  'h2.acme.test': addresses.shared,
  // Certificates that no client may accept.
  'expired.acme.test': addresses.shared,
  'early.acme.test': addresses.shared,
  'wrong-name.acme.test': addresses.shared,
  'self-signed.acme.test': addresses.shared,
  'untrusted.acme.test': addresses.shared,
  // Odd but legal.
  'tls12.acme.test': addresses.tls12,
  'no-alpn.acme.test': addresses.noAlpn,
  'mtls.acme.test': addresses.clientCert,
  // Broken.
  'refused.acme.test': addresses.refused,
  'blackhole.acme.test': addresses.blackhole,
  'silent.acme.test': addresses.silent,
  // Families.
  'v4.acme.test': { v4: addresses.shared.v4 },
  'bulk.acme.test': addresses.bulk,
  '*.bulk.acme.test': addresses.bulk,
  'ssh.acme.test': addresses.ssh,
  'grpc.acme.test': addresses.grpc,
  'dns.acme.test': addresses.resolver,
  // The attacker's.
  'evil.test': addresses.attacker,
  '*.evil.test': addresses.attacker,
  'dns.evil.test': addresses.outsideResolver,
}

/** Records that are more than an address. */
export const wellKnownRecords: readonly (readonly [name: string, type: string, value: string])[] = [
  ['v6.acme.test', 'AAAA', addresses.shared.v6],
  // Happy eyeballs: the first family hangs, the second works; and the other way round.
  ['broken-v6.acme.test', 'AAAA', addresses.blackhole.v6],
  ['broken-v6.acme.test', 'A', addresses.shared.v4],
  ['broken-v4.acme.test', 'AAAA', addresses.shared.v6],
  ['broken-v4.acme.test', 'A', addresses.blackhole.v4],
  ['alias.acme.test', 'CNAME', 'api.acme.test'],
  ['api.acme.test', 'HTTPS', `1 . alpn=h3,h2 ipv4hint=${addresses.shared.v4} ech=AEX+DQBBAAAgACBsYWI=`],
  ['acme.test', 'MX', '10 mail.acme.test'],
  ['acme.test', 'TXT', 'v=lab1 hello'],
  ['metadata.google.internal', 'A', '169.254.169.254'],
  ['metadata.acme.test', 'A', '169.254.169.254'],
]

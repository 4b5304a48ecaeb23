import type { Reason } from '../policy/decision.ts'
import type { AlarmKind, FileEvent, Finding, JobEvent, Layer, Verdict } from './event.ts'

// The closed sets of the log, each member with what a report says of it. The records are complete by type: a new
// member breaks the build here, then the schema, then the documents' tests.

/** Layers, and what saw the flow there. */
export const layerText: Readonly<Record<Layer, string>> = {
  dns: 'a question to the DNS server',
  tcp: 'a TCP connection carried unread, or refused before any byte was read',
  tls: 'a TLS connection passed by its SNI, or refused before HTTP',
  http: 'one HTTP request',
  udp: 'a UDP flow',
  packet: 'packets the kernel dropped, counted',
  job: 'the job itself',
  file: 'a file of the workspace',
}

export const verdictText: Readonly<Record<Verdict, string>> = {
  allow: 'a rule allows it',
  observe: 'it would be refused; carried, as the mode is audit',
  deny: 'refused',
}

/** Reasons; `explainReason` of the policy has their words. */
export const reasonSet: Readonly<Record<Reason, true>> = {
  rule: true,
  'no-rule': true,
  'denied-by-rule': true,
  forbidden: true,
  'address-literal': true,
  'private-address': true,
  'sni-mismatch': true,
  'host-mismatch': true,
  'no-sni': true,
  method: true,
  path: true,
  upgrade: true,
  protocol: true,
  'dns-type': true,
  'dns-budget': true,
  'too-large': true,
  malformed: true,
  'job-unknown': true,
  'log-failure': true,
}

export const jobEventText: Readonly<Record<JobEvent, string>> = {
  started: 'the gateway took the job',
  proved: 'the wire was proved both ways',
  'policy-changed': 'another policy is in force from here on',
  checkpoint: 'a checkpoint of the job',
  selftest: 'the job says that it begins or ends a self-test of the wall',
  anomaly: 'the protection was degraded, or somebody who looks at the job found something',
  canary: 'a planted credential was seen',
  failed: 'the policy fails the job for what was found',
  sealed: 'the log ends here',
}

export const fileEventText: Readonly<Record<FileEvent, string>> = {
  overwritten: 'a source file was overwritten',
  restored: 'a source file came back to its content',
  deleted: 'a source file was deleted',
  'added-in-source': 'a file was added among the sources',
  'hook-changed': 'a git hook was changed',
  'tool-changed': 'a tool was changed',
}

export const findingText: Readonly<Record<Finding, string>> = {
  'dns-budget': 'many different names were asked under one domain, as a DNS tunnel does',
  'exfiltration-attempt': 'names that look like data carried out in DNS',
  'inspection-bypassed': 'passed unopened from here on, as the client does not trust our certificate authority',
}

/** What those who look at the job find: `details.kind` of an anomaly or of a canary's line. */
export const alarmText: Readonly<Record<AlarmKind, string>> = {
  'new-host': 'a host, or a port of one, that the baseline does not know',
  'new-process': 'a known host, asked by a program that did not ask it before',
  'new-method': 'a known host and program, with methods that were not used before',
  'new-upload': 'an upload to a host that was only read from before',
  'near-host': 'a new host whose name is nearly that of a known one',
  'dependency-confusion': 'a package of your own, asked of a registry that is not yours',
  'denied-package': 'a package that the policy denies',
  'package-too-young': 'a package version that was published too recently',
  'package-age-unknown': 'a package version of which nobody says how old it is, where the policy wants to know',
  'digest-mismatch': 'a package that is not what its registry says it is',
  'package-unread':
    "an advisory file or a registry's answer that could not be read, or an address that is named for two files",
  'install-script': 'the network was used by the install script of a package',
  'token-abroad': 'a token was sent to a host that is not its home',
  'token-unpinned': 'a token was used that is not one of the job',
  'source-changed': 'a source file was changed while the job ran',
  'not-in-source': 'a source archive holds what its commit does not',
  unwatched: 'changes of files, a part of a body, or starts of processes may have gone unseen',
  canary: 'a planted credential was seen',
}

/** What degrades the protection: `details.kind` of an anomaly, the `reason` of the enforcing gauge. */
export type Degradation =
  'log-failure' | 'log-changed' | 'ruleset-changed' | 'capability' | 'restarted' | 'not-proved' | 'internal-error'

export const degradationText: Readonly<Record<Degradation, string>> = {
  'log-failure': 'the log could not be written for a while',
  'log-changed': 'the log file was changed by someone else while the job ran',
  'ruleset-changed': 'the packet filter was changed by someone else',
  capability: 'a process of the job holds a capability that can leave the wire',
  restarted: 'the gateway was restarted while the job ran',
  'not-proved': 'the wire was not proved',
  'internal-error': 'the gateway met a fault of its own and ended the job',
}

/** Where a machine's metadata service answers; it hands out credentials (bypasses.md N16). */
export const metadataAddresses: ReadonlySet<string> = new Set([
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '168.63.129.16',
  '100.100.100.200',
  'fd00:ec2::254',
  'fd00:ec2::23',
])

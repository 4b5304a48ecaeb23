import type { FlowEvent } from '../../../../gateway/record/event.ts'

/** SHA-256 of what `http` brought, in hex. */
export const sha256 = 'ab'.repeat(32)

const process = { pid: 7, exe: '/usr/bin/node', command: 'node npm install', uid: 1_000, parents: ['/bin/sh'] }

/** A package that came in, with everything a line of it may have. */
export const http: FlowEvent = {
  layer: 'http',
  startedAt: 1_700_000_000_123.4,
  flow: 'f-1',
  host: 'npm.test',
  address: '198.51.100.10',
  port: 443,
  protocol: 'h2',
  method: 'GET',
  path: '/lib/-/lib-1.0.0.tgz',
  status: 200,
  verdict: 'allow',
  reason: 'rule',
  rule: 'allow[0] npm.test',
  inspected: true,
  bytesSent: 100,
  bytesReceived: 2_000,
  durationMs: 12.5,
  process,
  details: { purl: 'pkg:npm/lib@1.0.0', sha256, sha512: 'cd'.repeat(64), promise: 'kept' },
}

/** Of which job an exported line is, and which of its lines. */
export const line = { job: 'build', seq: 3 }

/** A line of each layer, with everything that it may have, and with next to nothing. */
export const lines: readonly FlowEvent[] = [
  http,
  { ...http, method: 'PATCH', verdict: 'deny', reason: 'no-rule', error: 'UPSTREAM_TIMEOUT' },
  { layer: 'http', startedAt: 0, method: 'PROPFIND', host: 'a.test', verdict: 'observe', reason: 'no-rule' },
  {
    layer: 'dns',
    startedAt: 0,
    host: 'a.test',
    qtype: 'A',
    rcode: 'NOERROR',
    verdict: 'allow',
    reason: 'rule',
    process,
  },
  {
    layer: 'dns',
    startedAt: 0,
    host: 'a.test',
    qtype: 'TYPE65535',
    rcode: 'BADVERS',
    verdict: 'deny',
    reason: 'no-rule',
  },
  { layer: 'dns', startedAt: 0, host: 'a.test', verdict: 'deny', reason: 'no-rule' },
  { ...http, layer: 'tls', protocol: 'tls' },
  {
    layer: 'tcp',
    startedAt: 0,
    address: '198.51.100.10',
    port: 22,
    protocol: 'tcp',
    verdict: 'deny',
    reason: 'no-rule',
  },
  {
    layer: 'udp',
    startedAt: 0,
    host: 'a.test',
    port: 123,
    protocol: 'udp',
    verdict: 'allow',
    bytesSent: 1,
    bytesReceived: 2,
  },
  {
    layer: 'packet',
    startedAt: 0,
    address: '203.0.113.5',
    protocol: 'icmp',
    packets: 4,
    verdict: 'deny',
    reason: 'protocol',
  },
  { layer: 'file', startedAt: 0, event: 'overwritten', path: 'a.c', process },
  { layer: 'job', startedAt: 0, event: 'sealed' },
  { layer: 'job', startedAt: 0, event: 'canary', host: 'a.test', details: { kind: 'canary', note: 'seen' }, process },
]

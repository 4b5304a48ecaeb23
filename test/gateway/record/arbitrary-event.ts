import * as fc from 'fast-check'
import type { FlowEvent } from '../../../gateway/record/event.ts'

/** Text as a hostile build would send it: any code unit, and what terminals, pages and shells obey. */
export const hostileText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ maxLength: 60 }),
  fc.constantFrom(
    '\n{"v":1,"seq":0}',
    '\u001b[2J\u001b]0;owned\u0007',
    '<script>alert(1)</script>',
    '| a | b |\n|---|',
    '](https://evil.example.com) ![x](y)',
    '``` \n# heading',
    '\u202egnp.exe',
    '\ud800',
    '"},"prev":"',
    '`$(reboot)`',
  ),
)

const processes = fc.record({
  pid: fc.nat(),
  exe: hostileText,
  command: hostileText,
  uid: fc.nat(),
  parents: fc.array(hostileText, { maxLength: 20 }),
})

/** Any flow event that the data path could produce, with hostile text wherever a job's bytes may come through. */
export const flowEvents: fc.Arbitrary<FlowEvent> = fc.record(
  {
    layer: fc.constantFrom('dns', 'tcp', 'tls', 'http', 'udp', 'packet' as const),
    startedAt: fc.double({ min: 0, max: 4_000_000_000_000, noNaN: true }),
    verdict: fc.constantFrom('allow', 'observe', 'deny' as const),
    reason: fc.constantFrom('rule', 'no-rule', 'malformed', 'address-literal' as const),
    flow: fc.stringMatching(/^[a-z0-9-]{1,20}$/),
    host: hostileText,
    address: hostileText,
    port: fc.integer({ min: 0, max: 65_535 }),
    protocol: fc.constantFrom('dns', 'http/1.1', 'h2', 'tls', 'udp'),
    method: hostileText,
    path: hostileText,
    status: fc.integer({ min: 100, max: 599 }),
    qtype: fc.constantFrom('A', 'TXT'),
    rule: hostileText,
    inspected: fc.boolean(),
    bytesSent: fc.nat(),
    bytesReceived: fc.nat(),
    durationMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
    packets: fc.nat(),
    process: processes,
    event: fc.constantFrom('dns-budget', 'exfiltration-attempt' as const),
    error: fc.constantFrom('UPSTREAM_TIMEOUT', 'CLIENT_REFUSED_CA' as const),
  },
  { requiredKeys: ['layer', 'startedAt', 'verdict', 'reason'] },
)

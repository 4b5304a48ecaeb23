import t from 'tap'
import { renderInToto } from '../../../../gateway/record/export/in-toto.ts'
import type { FlowEvent } from '../../../../gateway/record/event.ts'
import { http, sha256 } from './sample-flows.ts'
import { odd, summaryOf } from './sample-summary.ts'

t.test('renderInToto(): what was reached, what came in, of which log', async t => {
  const udp: FlowEvent = { ...http, layer: 'udp', protocol: 'udp', host: 'time.test', port: 123 }
  const statement: unknown = JSON.parse(renderInToto(summaryOf([...odd, udp]), sha256))
  t.match(statement, {
    _type: 'https://in-toto.io/Statement/v1',
    predicateType: 'https://in-toto.io/attestation/runtime-trace/v0.2',
    subject: [{ name: 'egress.ndjson', digest: { sha256 } }],
    predicate: {
      monitoredProcess: { event: 'build' },
      monitorLog: {
        network: [
          { hostname: 'npm.test', port: 443, protocol: 'tcp' },
          { hostname: 'mirror.test', port: 443, protocol: 'tcp' },
          { hostname: 'time.test', port: 123, protocol: 'udp' },
        ],
        fileAccess: [{ uri: 'pkg:npm/lib@1.0.0', digest: { sha256, sha512: 'cd'.repeat(64) } }],
      },
    },
  })
})

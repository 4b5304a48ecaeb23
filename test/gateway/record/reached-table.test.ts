import t from 'tap'
import type { FlowEvent } from '../../../gateway/record/event.ts'
import { ReachedTable } from '../../../gateway/record/reached-table.ts'

const event = { startedAt: 0, host: 'api.example.test', port: 443, verdict: 'allow', reason: 'rule' } as const
const carried = { bytesSent: 517, bytesReceived: 4_096 }

const cases: readonly [string, Partial<FlowEvent> & Pick<FlowEvent, 'layer'>, readonly string[]][] = [
  ['a connection that was carried as it is', { layer: 'tls', protocol: 'tls', ...carried }, ['tls']],
  ['a datagram without a byte in it', { layer: 'udp', protocol: 'udp', packets: 1 }, ['udp']],
  ['not a request', { layer: 'http', protocol: 'h2', inspected: true, ...carried }, []],
  ['not a client that refused our certificate', { layer: 'tls', protocol: 'tls', error: 'CLIENT_REFUSED_CA' }, []],
  ['not a client that hung up', { layer: 'tcp', bytesSent: 0, bytesReceived: 0, error: 'CLIENT_ABORTED' }, []],
]
for (const [name, facts, protocols] of cases) {
  t.test(`unseen(): ${name}`, async t => {
    const table = new ReachedTable()
    table.add({ ...event, ...facts })
    t.same(
      table.unseen().map(({ protocol }) => protocol),
      protocols,
    )
  })
}

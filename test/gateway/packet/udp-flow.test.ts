import t from 'tap'
import { openUdpFlow } from '../../../gateway/packet/udp-flow.ts'
import { address, FakeJob, hostname, policyOf, port } from '../door/fake-job.ts'
import { Watcher } from '../insight/watcher.ts'

const a = hostname('a.example.com')
const resolver = { resolve: () => Promise.reject(new Error('nobody may ask')) }

t.test('openUdpFlow(): what is objected to is not sent: not even the name is asked for', async t => {
  const job = new FakeJob(policyOf('block', [`udp://${a}:123`]))
  const watcher = new Watcher('connection')
  job.insight = watcher
  const destination = { address: job.names.assign(a), port: port(123) }
  const source = { address: job.address, port: port(40_000) }
  {
    using flow = openUdpFlow({ job, resolver }, { source, destination, data: Buffer.from('hello') }, () =>
      t.fail('it ends by us'),
    )
    await flow.opened
    t.equal(flow.recheck(), false, 'the next datagram is decided anew')
  }
  t.strictSame(watcher.calls, [`connection udp ${a} 123`])
  t.match(job.events, [
    {
      layer: 'udp',
      host: a,
      port: 123,
      flow: `dns-${a}`,
      verdict: 'deny',
      reason: 'denied-by-rule',
      rule: 'watched[0]',
    },
  ])
})

t.test('openUdpFlow(): where nobody objects the flow is opened', async t => {
  const job = new FakeJob(policyOf('block', [`udp://${a}:123`]))
  const watcher = new Watcher()
  job.insight = watcher
  let asked = 0
  const counting = {
    resolve: () => {
      asked += 1
      return Promise.resolve([address('10.0.0.1')])
    },
  }
  const destination = { address: job.names.assign(a), port: port(123) }
  const source = { address: job.address, port: port(40_000) }
  {
    using flow = openUdpFlow({ job, resolver: counting }, { source, destination, data: Buffer.from('hello') }, () => {})
    await flow.opened
  }
  t.equal(asked, 1)
  t.match(job.events, [{ verdict: 'deny', reason: 'private-address' }], 'and what is private stays so')
})

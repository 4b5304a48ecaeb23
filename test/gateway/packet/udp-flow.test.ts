import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import type { UdpEnds } from '../../../gateway/packet/udp-ends.ts'
import { openUdpFlow, type UdpFlow } from '../../../gateway/packet/udp-flow.ts'
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

/** The two ends of flows on loopback: an origin that keeps what it hears, and a client. */
class Ends implements UdpEnds {
  readonly heard: string[] = []
  readonly origin = createSocket('udp4').on('message', data => {
    this.heard.push(data.toString())
    for (const wake of this.#waiting.splice(0)) wake()
  })
  readonly client = createSocket('udp4')
  #waiting: (() => void)[] = []

  static async open(): Promise<Ends> {
    const ends = new Ends()
    for (const socket of [ends.origin, ends.client]) {
      socket.bind(0, '127.0.0.1')
      await once(socket, 'listening')
    }
    return ends
  }

  readonly dialUdp: UdpEnds['dialUdp'] = async ([candidate]) => {
    if (candidate === undefined) throw new TypeError('nobody to dial')
    return { socket: await connected(this.origin), candidate }
  }

  readonly speakAs: UdpEnds['speakAs'] = () => connected(this.client)

  async heardOf(count: number): Promise<readonly string[]> {
    while (this.heard.length < count) await new Promise<void>(resolve => this.#waiting.push(resolve))
    return this.heard
  }

  [Symbol.dispose](): void {
    this.origin.close()
    this.client.close()
  }
}

async function connected(to: Socket): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.connect(to.address().port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

function openOn(job: FakeJob, ends: Ends, first: string, ended = (): void => {}): UdpFlow {
  const outside = { resolve: () => Promise.resolve([address('203.0.113.10')]) }
  const destination = { address: job.names.assign(a), port: port(123) }
  const source = { address: job.address, port: port(40_000) }
  return openUdpFlow({ job, resolver: outside, ends }, { source, destination, data: Buffer.from(first) }, ended)
}

const rules = [`udp://${a}:123`]

t.test('openUdpFlow(): what is withheld, or waits behind it, does not count as sent', async t => {
  using ends = await Ends.open()
  const job = new FakeJob(policyOf('block', rules))
  const watcher = new Watcher('udp says secret')
  job.insight = watcher
  let hasEnded = false
  using flow = openOn(job, ends, 'hello', () => (hasEnded = true))
  flow.take(Buffer.from('secret'))
  flow.take(Buffer.from('more of it'))
  await flow.opened
  t.equal(hasEnded, true)
  t.strictSame(watcher.calls.slice(1), ['udp says hello', 'udp says secret', 'udp ended'])
  t.match(job.events, [{ verdict: 'deny', rule: 'watched[0]', bytesSent: 5 }])
})

t.test('openUdpFlow(): what is observed does not stand in place of the policy that refuses it later', async t => {
  using ends = await Ends.open()
  const job = new FakeJob(policyOf('audit', rules))
  const watcher = new Watcher('udp says secret')
  job.insight = watcher
  {
    using flow = openOn(job, ends, 'secret')
    await flow.opened
    t.strictSame(await ends.heardOf(1), ['secret'])
    job.policy = policyOf('block', [])
    t.equal(flow.recheck(), false)
  }
  t.match(job.events, [{ verdict: 'deny', reason: 'no-rule', rule: 'no rule', error: 'POLICY_CHANGED', bytesSent: 6 }])
})

t.test('openUdpFlow(): what is observed is in its line', async t => {
  using ends = await Ends.open()
  const job = new FakeJob(policyOf('audit', rules))
  job.insight = new Watcher('udp says secret')
  {
    using flow = openOn(job, ends, 'secret')
    await flow.opened
  }
  t.match(job.events, [{ verdict: 'observe', reason: 'denied-by-rule', rule: 'watched[0]', bytesSent: 6 }])
})

t.test('openUdpFlow(): a flow that ends before it is known whose it is, is shown to nobody', async t => {
  using ends = await Ends.open()
  const job = new FakeJob(policyOf('block', rules))
  const watcher = new Watcher()
  job.insight = watcher
  const known = Promise.withResolvers<undefined>()
  const spoken = Promise.withResolvers<void>()
  job.attribute = () => known.promise
  const { speakAs } = ends
  const slow = Object.assign(ends, {
    speakAs: async (...args: Parameters<UdpEnds['speakAs']>) => {
      const socket = await speakAs(...args)
      setImmediate(spoken.resolve)
      return socket
    },
  })
  const flow = openOn(job, slow, 'hello')
  await spoken.promise
  flow[Symbol.dispose]()
  known.resolve(undefined)
  await flow.opened
  t.strictSame(watcher.calls, [`connection udp ${a} 123`])
  t.match(job.events, [{ verdict: 'allow', bytesSent: 0 }])
})

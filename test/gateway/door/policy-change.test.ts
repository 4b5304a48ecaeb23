import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import { policyOf } from './fake-job.ts'
import { Loopback, originIdentity } from './loopback.ts'
import { readAll, tlsClient } from './tls-client.ts'

const a = 'a.example.com'
const echo = () => createServer({ allowHalfOpen: true }, socket => socket.on('error', () => {}).pipe(socket))
const nothing = policyOf('block', [])

/** Not events.once: that rejects at the reset. */
const closed = (socket: Socket): Promise<void> =>
  new Promise(resolve => socket.on('error', () => {}).once('close', () => resolve()))

/** A tunnel to an origin that echoes, with one byte through it. */
async function openTunnel(gateway: Loopback, host = a, port = 22): Promise<Socket> {
  await gateway.origin(echo(), port)
  const client = connect(await gateway.toward(host, port), '127.0.0.1')
  client.on('error', () => {})
  client.write('\0')
  await once(client, 'data')
  return client
}

t.test('carry(): N19: a tunnel that the new policy denies is cut, and its line says so', async t => {
  await using gateway = new Loopback(policyOf('block', [`tcp://${a}:22`]))
  const client = await openTunnel(gateway)
  gateway.job.policy = nothing
  t.equal(await readAll(client).catch((cause: NodeJS.ErrnoException) => cause.code), 'ECONNRESET')
  t.match(await gateway.job.recorded(1), [
    { layer: 'tcp', verdict: 'deny', reason: 'no-rule', rule: 'no rule', error: 'POLICY_CHANGED', bytesSent: 1 },
  ])
  await gateway.settled()
  t.equal(gateway.job.looking, 0)
})

t.test('carry(): N19: a tunnel that the new policy allows by another rule goes on', async t => {
  await using gateway = new Loopback(policyOf('block', [`tcp://${a}:22`]))
  const client = await openTunnel(gateway)
  gateway.job.policy = policyOf('block', ['tcp://**.example.com:20-30', 'deny tcp://other.example.com:22'])
  client.write('2')
  const [echoed] = await once(client, 'data')
  t.equal(String(echoed), '2')
  client.end()
  t.match(await gateway.job.recorded(1), [{ verdict: 'allow', rule: `allow[0] tcp://${a}:22`, error: undefined }])
})

t.test('carry(): N19: an address literal is decided again as what it is', async t => {
  await using gateway = new Loopback(policyOf('block', ['tcp://203.0.113.0/24:22']))
  const client = await openTunnel(gateway, '203.0.113.7')
  gateway.job.policy = policyOf('block', [`tcp://${a}:22`])
  await closed(client)
  t.match(await gateway.job.recorded(1), [
    { reason: 'address-literal', address: '203.0.113.7', error: 'POLICY_CHANGED' },
  ])
})

t.test('carry(): N19: TLS that is passed is cut when it would have to be read', async t => {
  await using gateway = new Loopback(policyOf('block', [`tls://${a}`]))
  await gateway.origin(createTlsServer(originIdentity(a), socket => socket.on('error', () => {}).write('hi')))
  const client = await tlsClient(gateway, await gateway.toward(a), { servername: a, rejectUnauthorized: false })
  await once(client, 'data')
  gateway.job.policy = policyOf('block', [`GET https://${a}/x`])
  await closed(client)
  t.match(await gateway.job.recorded(1), [
    { layer: 'tls', verdict: 'deny', reason: 'protocol', error: 'POLICY_CHANGED' },
  ])
})

t.test('carry(): N19: what audit carried is cut when the policy blocks, but not by another audit', async t => {
  await using gateway = new Loopback(policyOf('audit', []))
  const client = await openTunnel(gateway)
  gateway.job.policy = policyOf('audit', ['other.example.com'])
  client.write('2')
  await once(client, 'data')
  gateway.job.policy = policyOf('block', ['other.example.com'])
  await closed(client)
  t.match(await gateway.job.recorded(1), [
    { verdict: 'deny', reason: 'no-rule', bytesSent: 2, error: 'POLICY_CHANGED' },
  ])
})

t.test('carry(): N19: a tunnel into a range that was closed is cut', async t => {
  const rules = [`tcp://${a}:22`]
  await using gateway = new Loopback(policyOf('block', rules, 'private: [10.0.0.0/8]\n'), {})
  gateway.resolvesTo('10.0.0.7')
  const client = await openTunnel(gateway)
  gateway.job.policy = policyOf('block', rules)
  await closed(client)
  t.match(await gateway.job.recorded(1), [{ reason: 'private-address', address: '10.0.0.7', error: 'POLICY_CHANGED' }])
})

t.test('carry(): N19: a policy that changes while the origin is dialled is asked before a byte goes out', async t => {
  const dialling = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  await using gateway = new Loopback(policyOf('block', [`tcp://${a}:22`]), {
    dial: async (_target, signal) => {
      dialling.resolve()
      await Promise.race([go.promise, once(signal, 'abort')])
      throw signal.reason
    },
  })
  const client = connect(await gateway.toward(a, 22), '127.0.0.1')
  client.on('error', () => {})
  await dialling.promise
  gateway.job.policy = nothing
  await closed(client)
  t.match(await gateway.job.recorded(1), [
    { verdict: 'deny', reason: 'no-rule', bytesSent: 0, error: 'POLICY_CHANGED' },
  ])
})

t.test(
  'handleConnection(): N19: a client that says nothing yet is decided by the policy of its first byte',
  async t => {
    await using gateway = new Loopback(policyOf('block', [`http://${a}:8080`]))
    const client = connect(await gateway.toward(a, 8080), '127.0.0.1')
    client.on('error', () => {})
    while (gateway.door.connections === 0) await new Promise(resolve => setImmediate(resolve))
    gateway.job.policy = nothing
    client.write(`GET / HTTP/1.1\r\nHost: ${a}:8080\r\nConnection: close\r\n\r\n`)
    t.match(await readAll(client), /403 Forbidden/)
    t.match(await gateway.job.recorded(1), [{ verdict: 'deny', reason: 'no-rule' }])
    t.same(gateway.dialled, [])
  },
)

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import { hostname, policyOf } from './fake-job.ts'
import { Loopback, originIdentity } from './loopback.ts'
import { readAll, tlsClient } from './tls-client.ts'

const a = 'a.example.com'
const get = `GET /x HTTP/1.1\r\nHost: ${a}\r\nConnection: close\r\n\r\n`
const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'

/** An origin that says nothing, not even in its handshake, before it is let. */
class SlowOrigin {
  readonly reached = Promise.withResolvers<void>()
  readonly server = createServer({ pauseOnConnect: true }, socket => {
    this.#waiting.push(socket)
    this.reached.resolve()
  })
  readonly #waiting: Socket[] = []
  readonly #speaking = createTlsServer({ ...originIdentity(a), ALPNProtocols: ['http/1.1'] }, socket => {
    socket.on('error', () => {}).once('data', () => socket.end(answer))
  })

  speak(): void {
    for (const socket of this.#waiting) this.#speaking.emit('connection', socket)
  }

  hangUp(): void {
    for (const socket of this.#waiting) socket.destroy()
  }
}

for (const offer of [['http/1.1'], undefined]) {
  t.test(
    `inspect(): a client that offers ${offer === undefined ? 'no protocol' : offer.join()} has its handshake while the origin is reached`,
    async t => {
      await using gateway = new Loopback(policyOf('block', [a]))
      const origin = new SlowOrigin()
      await gateway.origin(origin.server)
      const options = { servername: a, ...(offer && { ALPNProtocols: offer }) }
      const client = await tlsClient(gateway, await gateway.toward(a), options)
      t.equal(client.alpnProtocol, offer?.[0] ?? false)
      client.write(get)
      await origin.reached.promise
      t.equal(gateway.job.events.length, 0)
      origin.speak()
      t.equal(await readAll(client), answer)
      const [line] = await gateway.job.recorded(1)
      t.match(line, { layer: 'http', host: a, status: 200, verdict: 'allow', inspected: true })
      t.strictSame(gateway.dialled, ['203.0.113.10:443'], 'by the connection that was being made, and no other')
      t.strictSame(gateway.handshakes, ['completed'])
    },
  )
}

t.test('inspect(): when the origin then cannot be had, the request that waits is told so', async t => {
  await using gateway = new Loopback(policyOf('block', [a]))
  const origin = new SlowOrigin()
  await gateway.origin(origin.server)
  const client = await tlsClient(gateway, await gateway.toward(a), { servername: a, ALPNProtocols: ['http/1.1'] })
  client.write(get)
  await origin.reached.promise
  origin.hangUp()
  t.match(await readAll(client), /^HTTP\/1\.1 502 /)
  const [line] = await gateway.job.recorded(1)
  t.match(line, { layer: 'http', path: '/x', status: 502, error: 'UPSTREAM_TLS' })
  t.equal(gateway.job.events.length, 1)
})

t.test('inspect(): a client that leaves before the origin is there leaves one line', async t => {
  await using gateway = new Loopback(policyOf('block', [a]))
  const origin = new SlowOrigin()
  await gateway.origin(origin.server)
  const client = await tlsClient(gateway, await gateway.toward(a), { servername: a, ALPNProtocols: ['http/1.1'] })
  await origin.reached.promise
  client.destroy()
  await gateway.settled()
  t.equal(gateway.job.events.length, 1)
  t.match(gateway.job.events, [{ layer: 'tls', host: a, error: 'CLIENT_ABORTED' }])
})

t.test(
  'inspect(): a client that ends without a request before the origin is there is answered with the end',
  async t => {
    await using gateway = new Loopback(policyOf('block', [a]))
    const origin = new SlowOrigin()
    await gateway.origin(origin.server)
    const options = { servername: a, ALPNProtocols: ['http/1.1'], allowHalfOpen: true }
    const client = await tlsClient(gateway, await gateway.toward(a), options)
    await origin.reached.promise
    client.resume().end()
    await once(client, 'finish')
    // The end is in the gateway before the origin is.
    for (let turns = 0; turns < 20; turns += 1) await turn()
    origin.speak()
    await once(client, 'end')
    await gateway.settled()
    t.match(gateway.job.events, [{ layer: 'tls', host: a, error: 'CLIENT_ABORTED' }])
    t.equal(gateway.job.events.length, 1)
  },
)

t.test('inspect(): a client that does not trust us leaves one line, and no fault', async t => {
  await using gateway = new Loopback(policyOf('block', [a]))
  const origin = new SlowOrigin()
  await gateway.origin(origin.server)
  const ca = originIdentity(a).cert
  await t.rejects(tlsClient(gateway, await gateway.toward(a), { servername: a, ca, ALPNProtocols: ['http/1.1'] }))
  await gateway.settled()
  t.equal(gateway.job.events.length, 1)
  t.match(gateway.job.events, [{ layer: 'tls', host: a, verdict: 'allow' }])
})

for (const [mode, offer] of [
  ['block', ['h2', 'http/1.1']],
  ['audit', ['http/1.1']],
] as const) {
  t.test(`inspect(): in ${mode} mode an offer of ${offer.join()} waits for what the origin says`, async t => {
    await using gateway = new Loopback(policyOf(mode, [a]))
    const origin = new SlowOrigin()
    await gateway.origin(origin.server)
    let isDone = false
    const handshake = tlsClient(gateway, await gateway.toward(a), { servername: a, ALPNProtocols: [...offer] })
    const noted = handshake.then(() => (isDone = true))
    await origin.reached.promise
    for (let turns = 0; turns < 20; turns += 1) await turn()
    t.equal(gateway.door.terminator.inFlight, 0)
    t.equal(isDone, false)
    origin.speak()
    const client = await handshake
    await noted
    t.equal(client.alpnProtocol, 'http/1.1')
    client.destroy()
  })
}

t.test('handleConnection(): the certificate is made while the client makes its hello', async t => {
  const cases: readonly [string, string, number, boolean][] = [
    ['an allowed name', 'a.example.com', 443, true],
    ['the port of plain HTTP', 'http://b.example.com', 80, false],
    ['a name that is passed unread', 'tls://c.example.com', 443, false],
    ['a name that is refused', 'deny d.example.com', 443, false],
  ]
  for (const [sentence, rule, port, isMade] of cases) {
    await using gateway = new Loopback(policyOf('block', [rule]))
    const host = rule.replace(/^deny |^\w+:\/\//, '')
    const client = connect(await gateway.toward(host, port), '127.0.0.1')
    await once(client, 'connect')
    while (gateway.door.connections === 0) await turn()
    await turn()
    await turn()
    t.equal(gateway.door.mint.isReadyFor(hostname(host)), isMade, sentence)
    client.destroy()
  }
})

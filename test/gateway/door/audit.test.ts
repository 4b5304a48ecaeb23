import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { execa } from 'execa'
import { join } from 'node:path'
import t from 'tap'
import { Authority } from '../../../gateway/ca/authority.ts'
import { policyOf } from './fake-job.ts'
import { hello } from './hello.ts'
import { Loopback, originIdentity, outsideCa } from './loopback.ts'
import { exchange, readAll, tlsClient } from './tls-client.ts'

const a = 'a.example.com'
const b = 'b.example.com'
const get = (host: string) => `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'
const quick = { limits: { serverFirstMs: 20 } }

const httpsOrigin = (host: string, authority?: Authority) =>
  createTlsServer(originIdentity(host, authority), socket => {
    socket.on('error', () => {}).once('data', () => socket.end(answer))
  })
/** An origin that answers with what it heard. */
const mirror = () =>
  createServer(
    socket => void socket.on('error', () => {}).once('data', bytes => socket.end(`heard ${bytes.toString('hex')}`)),
  )

t.test('audit: a name without a rule is inspected, carried and observed', async t => {
  await using gateway = new Loopback(policyOf('audit', []))
  await gateway.origin(httpsOrigin(b))
  const client = await tlsClient(gateway, await gateway.toward(b), { servername: b })
  client.write(get(b))
  t.equal(await readAll(client), answer)
  t.match(await gateway.job.recorded(1), [{ layer: 'http', verdict: 'observe', reason: 'no-rule', inspected: true }])
})

const carried: readonly [string, string, Buffer, object][] = [
  [
    'an address',
    '203.0.113.66',
    hello({ name: a }),
    { layer: 'tls', reason: 'address-literal', address: '203.0.113.66' },
  ],
  ['another SNI than the name dialled', a, hello({ name: b }), { layer: 'tls', reason: 'sni-mismatch', host: a }],
  ['TLS without a name', a, hello({}), { layer: 'tls', reason: 'no-sni' }],
  ['TLS that breaks its own lengths', a, Buffer.from([22, 3, 1, 0, 0, 1, 2, 3]), { layer: 'tcp', reason: 'malformed' }],
  ['a protocol of its own', a, Buffer.from('SSH-2.0-x Debian\r\n'), { layer: 'tcp', reason: 'protocol' }],
]
for (const [what, host, bytes, line] of carried) {
  t.test(`audit: ${what} is carried byte for byte, and observed`, async t => {
    await using gateway = new Loopback(policyOf('audit', [a]), quick)
    await gateway.origin(mirror())
    t.equal(await exchange(await gateway.toward(host), bytes), `heard ${bytes.toString('hex')}`)
    t.match(await gateway.job.recorded(1), [{ verdict: 'observe', inspected: false, ...line }])
  })
}

t.test('audit: bytes that came before the client closed its side reach the origin too', async t => {
  await using gateway = new Loopback(policyOf('audit', []), quick)
  await gateway.origin(mirror())
  const client = connect({ port: await gateway.toward(a), host: '127.0.0.1', allowHalfOpen: true })
  const heard = readAll(client)
  client.end('GE')
  t.equal(await heard, `heard ${Buffer.from('GE').toString('hex')}`)
})

t.test('audit: a server that speaks first is heard', async t => {
  await using gateway = new Loopback(policyOf('audit', []), quick)
  await gateway.origin(
    createServer(socket => void socket.end('220 ready')),
    25,
  )
  t.equal(await readAll(connect(await gateway.toward(a, 25), '127.0.0.1')), '220 ready')
  t.match(await gateway.job.recorded(1), [{ layer: 'tcp', verdict: 'observe', reason: 'no-rule' }])
})

t.test('audit: a client of the web that says its first word late is read all the same', async t => {
  // Were it taken for one that waits for the server, it would be carried unread at once.
  await using gateway = new Loopback(policyOf('audit', []), { limits: { serverFirstMs: 1 } })
  await gateway.origin(httpsOrigin(b))
  const late = connect(await gateway.toward(b), '127.0.0.1')
  await once(late, 'connect')
  await setTimeout(50)
  const client = connectTls({ socket: late, servername: b, ca: gateway.authority.certificatePem })
  client.write(get(b))
  t.equal(await readAll(client), answer)
  t.match(await gateway.job.recorded(1), [{ layer: 'http', inspected: true }])
})

t.test('audit: a host whose client refused our certificate is passed from then on', async t => {
  await using gateway = new Loopback(policyOf('audit', [a]))
  await gateway.origin(httpsOrigin(a))
  const port = await gateway.toward(a)
  const url = `https://${a}:${port}/`
  const file = join(t.testdir({ 'outside.pem': outsideCa.certificatePem }), 'outside.pem')
  const pinned = () =>
    execa('curl', ['-s', '--cacert', file, '--resolve', `${a}:${port}:127.0.0.1`, url], {
      reject: false,
    })
  t.equal((await pinned()).exitCode, 60)
  t.match(await gateway.job.recorded(1), [{ layer: 'tls', error: 'CLIENT_REFUSED_CA', event: 'inspection-bypassed' }])
  t.match(await pinned(), { exitCode: 0, stdout: 'ok' })
  t.match((await gateway.job.recorded(2))[1], { layer: 'tls', inspected: false, verdict: 'allow' })
})

t.test('audit: a client that closes without a word after seeing our certificate is passed the next time', async t => {
  await using gateway = new Loopback(policyOf('audit', [a]))
  await gateway.origin(httpsOrigin(a))
  const port = await gateway.toward(a)
  // Node's own client sends no alert.
  await t.rejects(
    tlsClient(gateway, port, {
      servername: a,
      ca: new Authority({ job: 'x', lifetimeHours: 1, now: Date.now() }).certificatePem,
    }),
  )
  await gateway.job.recorded(1)
  const again = await tlsClient(gateway, port, { servername: a, rejectUnauthorized: false })
  t.match(again.getPeerCertificate().issuer.CN, /outside/)
  again.destroy()
})

t.test('audit: a client that says something that is no request trusts us, and is read the next time', async t => {
  await using gateway = new Loopback(policyOf('audit', [a]))
  await gateway.origin(httpsOrigin(a))
  const port = await gateway.toward(a)
  const first = await tlsClient(gateway, port, { servername: a })
  first.end('GE')
  await readAll(first)
  t.notHas((await gateway.job.recorded(1))[0], { event: 'inspection-bypassed' })
  const client = await tlsClient(gateway, port, { servername: a })
  client.write(get(a))
  t.equal(await readAll(client), answer)
  t.match((await gateway.job.recorded(2))[1], { layer: 'http', inspected: true, verdict: 'allow' })
})

t.test('audit: clients that finish the handshake and then leave without a word are passed the third time', async t => {
  await using gateway = new Loopback(policyOf('audit', [a]))
  await gateway.origin(httpsOrigin(a))
  const port = await gateway.toward(a)
  const ca = new Authority({ job: 'x', lifetimeHours: 1, now: Date.now() }).certificatePem
  for (const seen of [1, 2]) {
    // In TLS 1.2 it is the server whose word ends the handshake.
    await t.rejects(tlsClient(gateway, port, { servername: a, ca, maxVersion: 'TLSv1.2' }))
    const { event } = (await gateway.job.recorded(seen))[seen - 1] ?? {}
    t.equal(event, seen === 1 ? undefined : 'inspection-bypassed')
  }
  const third = await tlsClient(gateway, port, { servername: a, rejectUnauthorized: false })
  t.match(third.getPeerCertificate().issuer.CN, /outside/)
  third.destroy()
})

t.test(
  'audit: a client that connects ahead of need and says farewell trusts us, and is read the next time',
  async t => {
    await using gateway = new Loopback(policyOf('audit', [a]))
    await gateway.origin(httpsOrigin(a))
    const port = await gateway.toward(a)
    const s_client = ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', a]
    t.equal((await execa('openssl', s_client, { input: '', reject: false })).exitCode, 0)
    t.notHas((await gateway.job.recorded(1))[0], { event: 'inspection-bypassed' })
    const client = await tlsClient(gateway, port, { servername: a })
    client.write(get(a))
    t.equal(await readAll(client), answer)
    t.match((await gateway.job.recorded(2))[1], { layer: 'http', inspected: true, verdict: 'allow' })
  },
)

t.test('audit: an origin with a certificate that only its client knows is passed, and said so (T12)', async t => {
  const stranger = new Authority({ job: 'stranger', lifetimeHours: 1, now: Date.now() })
  await using gateway = new Loopback(policyOf('audit', [a]))
  await gateway.origin(httpsOrigin(a, stranger))
  const client = await tlsClient(gateway, await gateway.toward(a), { servername: a, ca: stranger.certificatePem })
  client.write(get(a))
  t.equal(await readAll(client), answer)
  t.match(await gateway.job.recorded(1), [{ layer: 'tls', inspected: false, error: 'UPSTREAM_CERTIFICATE' }])
})

t.test('audit: what is forbidden is refused, by its own name and behind another (T2)', async t => {
  await using gateway = new Loopback(policyOf('audit', [a, `forbid ${b}`]))
  for (const dialled of [b, a]) {
    const client = await tlsClient(gateway, await gateway.toward(dialled), { servername: b })
    client.write(get(b))
    t.match(await readAll(client), /^HTTP\/1\.1 403/)
  }
  const line = { verdict: 'deny', reason: 'forbidden', host: b }
  t.match(await gateway.job.recorded(2), [line, line])
  t.strictSame(gateway.dialled, [])
})

t.test('audit: where a path is forbidden, TLS that cannot be read is refused', async t => {
  await using gateway = new Loopback(policyOf('audit', [a, `forbid POST https://${a}/gists`]), quick)
  const received = Buffer.from(await exchange(await gateway.toward(a), hello({})), 'latin1')
  t.strictSame(received, Buffer.from([21, 3, 3, 0, 2, 2, 112]))
  t.match(await gateway.job.recorded(1), [{ verdict: 'deny', reason: 'no-sni' }])
})

t.test(
  'audit: where a path is forbidden, nothing passes unread: not for a certificate of the origin (T12)',
  async t => {
    const stranger = new Authority({ job: 'stranger', lifetimeHours: 1, now: Date.now() })
    await using gateway = new Loopback(policyOf('audit', [a, `forbid POST https://${a}/gists`]))
    await gateway.origin(httpsOrigin(a, stranger))
    const client = await tlsClient(gateway, await gateway.toward(a), { servername: a })
    client.write(get(a))
    t.match(await readAll(client), /^HTTP\/1\.1 502/)
    t.match(await gateway.job.recorded(1), [{ layer: 'http', inspected: true, error: 'UPSTREAM_CERTIFICATE' }])
  },
)

t.test(
  'audit: where a path is forbidden, nothing passes unread: not after a client refused our certificate',
  async t => {
    await using gateway = new Loopback(policyOf('audit', [a, `forbid POST https://${a}/gists`]))
    await gateway.origin(httpsOrigin(a))
    const port = await gateway.toward(a)
    const ca = new Authority({ job: 'x', lifetimeHours: 1, now: Date.now() }).certificatePem
    await t.rejects(tlsClient(gateway, port, { servername: a, ca }))
    const [first] = await gateway.job.recorded(1)
    t.notHas(first, { event: 'inspection-bypassed' })
    const client = await tlsClient(gateway, port, { servername: a })
    client.write(`POST /gists HTTP/1.1\r\nHost: ${a}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
    t.match(await readAll(client), /^HTTP\/1\.1 403/)
  },
)

t.test(
  'audit: where a path of the name that TLS asks for is forbidden, another name is no way around (T2)',
  async t => {
    await using gateway = new Loopback(policyOf('audit', [a, b, `forbid POST https://${b}/gists`]))
    for (const dialled of [a, '203.0.113.66']) {
      const client = await tlsClient(gateway, await gateway.toward(dialled), { servername: b })
      client.write(get(b))
      t.match(await readAll(client), /^HTTP\/1\.1 421/)
    }
    const line = { verdict: 'deny', reason: 'sni-mismatch', host: b }
    t.match(await gateway.job.recorded(2), [line, line])
    t.strictSame(gateway.dialled, [])
  },
)

t.test('audit: places that are dialled in no mode are not dialled', async t => {
  await using gateway = new Loopback(policyOf('audit', []), quick)
  t.equal(await exchange(await gateway.toward('127.0.0.1', 22), '\0'), 'ECONNRESET')
  t.match(await gateway.job.recorded(1), [{ verdict: 'deny', reason: 'private-address' }])
  t.strictSame(gateway.dialled, [])
})

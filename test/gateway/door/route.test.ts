import { once } from 'node:events'
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { join } from 'node:path'
import { execa } from 'execa'
import t from 'tap'
import { Authority } from '../../../gateway/ca/authority.ts'
import { policyOf } from './fake-job.ts'
import { hello } from './hello.ts'
import { Loopback, originIdentity, outsideCa } from './loopback.ts'
import { exchange, readAll, tlsClient } from './tls-client.ts'

const a = 'a.example.com'
const b = 'b.example.com'
const get = `GET /x?secret=1 HTTP/1.1\r\nHost: ${a}\r\nConnection: close\r\n\r\n`
const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'

/** An origin that answers each connection's first bytes with `answer` over TLS. */
const httpsOrigin = (host = a, alpn: readonly string[] = ['http/1.1']) =>
  createTlsServer({ ...originIdentity(host), ALPNProtocols: [...alpn] }, socket => {
    socket.on('error', () => {}).once('data', () => socket.end(answer))
  })

t.test('handleConnection(): TLS to an allowed name is inspected, and each request recorded', async t => {
  await using gateway = new Loopback(policyOf('block', [a]))
  await gateway.origin(httpsOrigin())
  const client = await tlsClient(gateway, await gateway.toward(a), { servername: a, ALPNProtocols: ['h2', 'http/1.1'] })
  t.equal(client.alpnProtocol, 'http/1.1', 'the origin does not speak h2, so the client is not offered it')
  client.write(get)
  t.equal(await readAll(client), answer)
  const [line] = await gateway.job.recorded(1)
  const expected = {
    layer: 'http',
    host: a,
    path: '/x',
    status: 200,
    verdict: 'allow',
    inspected: true,
    flow: `dns-${a}`,
  }
  t.match(line, expected)
  t.strictSame(gateway.handshakes, ['completed'])
})

t.test('handleConnection(): what origins pick is what clients get, also nothing (T14)', async t => {
  const cases: readonly [string[], string[] | undefined, string | false][] = [
    [['h2', 'http/1.1'], ['h2', 'http/1.1'], 'h2'],
    [['http/1.1'], ['h2', 'http/1.1'], 'http/1.1'],
    [['h2', 'http/1.1'], ['http/1.1'], 'http/1.1'],
    [['h2', 'http/1.1'], undefined, false],
  ]
  for (const [spoken, offered, expected] of cases) {
    await using gateway = new Loopback(policyOf('block', [a]))
    await gateway.origin(httpsOrigin(a, spoken))
    const options = { servername: a, ...(offered && { ALPNProtocols: offered }) }
    const client = await tlsClient(gateway, await gateway.toward(a), options)
    t.equal(client.alpnProtocol, expected)
    client.destroy()
  }
})

t.test('handleConnection(): a protocol that a client offers many times is offered to the origin once', async t => {
  const seen: string[][] = []
  await using gateway = new Loopback(policyOf('block', [a]))
  await gateway.origin(
    createTlsServer({ ...originIdentity(a), ALPNCallback: ({ protocols }) => (seen.push(protocols), 'http/1.1') }),
  )
  const offered = ['h2', 'x', 'http/1.1', 'h2', 'h2', 'http/1.1']
  const client = await tlsClient(gateway, await gateway.toward(a), { servername: a, ALPNProtocols: offered })
  t.equal(client.alpnProtocol, 'http/1.1')
  t.strictSame(seen, [['h2', 'http/1.1']])
  client.destroy()
})

t.test('handleConnection(): a client that comes again resumes its session', async t => {
  await using gateway = new Loopback(policyOf('block', [a]))
  await gateway.origin(httpsOrigin())
  const port = await gateway.toward(a)
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const first = await tlsClient(gateway, port, { servername: a, maxVersion })
    let session = first.getSession()
    first.on('session', ticket => (session = ticket))
    first.write(get)
    await readAll(first)
    if (session === undefined) throw new TypeError('no session')
    const second = await tlsClient(gateway, port, { servername: a, maxVersion, session })
    t.equal(second.isSessionReused(), true, maxVersion)
    second.destroy()
  }
})

t.test('handleConnection(): a refused TLS name is told so in a sentence it can read', async t => {
  await using gateway = new Loopback(policyOf('block', [a]))
  const client = await tlsClient(gateway, await gateway.toward(b), { servername: b, ALPNProtocols: ['http/1.1'] })
  client.write(get.replaceAll(a, b))
  t.match(await readAll(client), /^HTTP\/1\.1 403 .*\r\n[^]*x-tidegate-reason: no-rule/)
  t.match(await gateway.job.recorded(1), [{ layer: 'http', host: b, verdict: 'deny', reason: 'no-rule', status: 403 }])
  t.strictSame(gateway.dialled, [])
})

t.test('handleConnection(): a refused TLS connection without a request leaves one line all the same', async t => {
  await using gateway = new Loopback(policyOf('block', [a]))
  const client = await tlsClient(gateway, await gateway.toward(b), { servername: b })
  client.end()
  await readAll(client)
  t.match(await gateway.job.recorded(1), [{ layer: 'tls', host: b, verdict: 'deny', reason: 'no-rule' }])
})

t.test('handleConnection(): an allowed name under another address is refused (T1)', async t => {
  await using gateway = new Loopback(policyOf('block', [a]))
  const client = await tlsClient(gateway, await gateway.toward('203.0.113.66'), { servername: a })
  client.write(get)
  t.match(await readAll(client), /^HTTP\/1\.1 403/)
  t.match(await gateway.job.recorded(1), [
    { layer: 'http', host: a, verdict: 'deny', reason: 'address-literal', address: '203.0.113.66' },
  ])
  t.strictSame(gateway.dialled, [])
})

t.test('handleConnection(): another SNI than the name dialled is refused with 421 (T2)', async t => {
  await using gateway = new Loopback(policyOf('block', [a, b]))
  const client = await tlsClient(gateway, await gateway.toward(a), { servername: b })
  client.write(get.replace(a, b))
  t.match(await readAll(client), /^HTTP\/1\.1 421/)
  t.match(await gateway.job.recorded(1), [{ verdict: 'deny', reason: 'sni-mismatch', host: b }])
  t.strictSame(gateway.dialled, [])
})

t.test('handleConnection(): another Host than the SNI is refused with 421, also later on (T2)', async t => {
  await using gateway = new Loopback(policyOf('block', [a, b]))
  await gateway.origin(
    createTlsServer(originIdentity(a), socket =>
      socket.on('error', () => {}).on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')),
    ),
  )
  const client = await tlsClient(gateway, await gateway.toward(a), { servername: a })
  client.write(`GET / HTTP/1.1\r\nHost: ${a}\r\n\r\n`)
  await once(client, 'data')
  client.end(`GET / HTTP/1.1\r\nHost: ${b}\r\n\r\n`)
  t.match(await readAll(client), /^HTTP\/1\.1 421/)
  t.match(await gateway.job.recorded(2), [{ verdict: 'allow' }, { verdict: 'deny', reason: 'host-mismatch' }])
})

const alerts: readonly [string, string | Buffer, number, string][] = [
  ['no SNI (T5)', hello({ alpn: ['http/1.1'] }), 112, 'no-sni'],
  ['a name with a NUL (D12)', hello({ name: `evil.test\0.${a}` }), 112, 'sni-mismatch'],
  ['TLS that breaks its own lengths (T5)', Buffer.from([22, 3, 1, 0, 0]), 50, 'malformed'],
  ['TLS that speaks no HTTP (T7)', hello({ name: a, alpn: ['smtp'] }), 120, 'protocol'],
]
for (const [what, bytes, description, reason] of alerts) {
  t.test(`handleConnection(): ${what} gets a TLS alert`, async t => {
    await using gateway = new Loopback(policyOf('block', [a]))
    const received = await exchange(await gateway.toward(a), bytes)
    t.strictSame(Buffer.from(received, 'latin1'), Buffer.from([21, 3, 3, 0, 2, 2, description]))
    t.match(await gateway.job.recorded(1), [{ layer: 'tls', verdict: 'deny', reason }])
    t.strictSame(gateway.dialled, [])
  })
}

t.test('handleConnection(): SSH on the port of an https rule is reset (T7)', async t => {
  await using gateway = new Loopback(policyOf('block', [a]))
  t.equal(await exchange(await gateway.toward(a), 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n'), 'ECONNRESET')
  t.match(await gateway.job.recorded(1), [{ layer: 'tcp', verdict: 'deny', reason: 'protocol' }])
})

t.test('handleConnection(): plain HTTP is refused in plain HTTP', async t => {
  await using gateway = new Loopback(policyOf('block', [a]))
  t.match(await exchange(await gateway.toward(b, 80), get.replace(a, b)), /^HTTP\/1\.1 403/)
  t.match(await gateway.job.recorded(1), [{ layer: 'http', verdict: 'deny', reason: 'no-rule', inspected: false }])
})

t.test('handleConnection(): plain HTTP under an http rule is relayed', async t => {
  await using gateway = new Loopback(policyOf('block', [`http://${a}`]))
  await gateway.origin(
    createServer(socket => void socket.once('data', () => socket.end(answer))),
    80,
  )
  t.equal(await exchange(await gateway.toward(a, 80), get), answer)
  t.match(await gateway.job.recorded(1), [{ layer: 'http', verdict: 'allow', host: a, port: 80, inspected: false }])
})

t.test('handleConnection(): an origin with a bad certificate is a 502 and is never accepted (T12)', async t => {
  const stranger = new Authority({ job: 'stranger', lifetimeHours: 1, now: Date.now() })
  await using gateway = new Loopback(policyOf('block', [a]))
  await gateway.origin(createTlsServer(originIdentity(a, stranger), socket => socket.on('error', () => {}).end(answer)))
  const client = await tlsClient(gateway, await gateway.toward(a), { servername: a })
  client.write(get)
  t.match(await readAll(client), /^HTTP\/1\.1 502/)
  t.match(await gateway.job.recorded(1), [{ error: 'UPSTREAM_CERTIFICATE', status: 502 }])
})

t.test('handleConnection(): an origin that is not there is a 502', async t => {
  await using gateway = new Loopback(policyOf('block', [a]))
  const client = await tlsClient(gateway, await gateway.toward(a), { servername: a })
  client.write(get)
  t.match(await readAll(client), /^HTTP\/1\.1 502/)
  t.match(await gateway.job.recorded(1), [{ error: 'UPSTREAM_UNREACHABLE', status: 502 }])
})

t.test('handleConnection(): a client that does not trust us is recorded, and in block mode never passed', async t => {
  await using gateway = new Loopback(policyOf('block', [a]))
  await gateway.origin(httpsOrigin())
  const port = await gateway.toward(a)
  const file = join(t.testdir({ 'outside.pem': outsideCa.certificatePem }), 'outside.pem')
  const args = ['-s', '--cacert', file, '--resolve', `${a}:${port}:127.0.0.1`, `https://${a}:${port}/`]
  const refuse = () => execa('curl', args, { reject: false })
  await refuse()
  t.match(await gateway.job.recorded(1), [{ layer: 'tls', error: 'CLIENT_REFUSED_CA', verdict: 'allow', host: a }])
  await refuse()
  t.match((await gateway.job.recorded(2))[1], { layer: 'tls', error: 'CLIENT_REFUSED_CA', inspected: false })
})

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import { keyPem, mintCertificate, newKeyPair } from '../../lab/certificates/mint.ts'
import { policyOf } from './fake-job.ts'
import { Loopback, originIdentity, outsideCa, portOf } from './loopback.ts'
import { readAll, tlsClient } from './tls-client.ts'

const a = 'a.example.com'
const get = `GET / HTTP/1.1\r\nHost: ${a}\r\nConnection: close\r\n\r\n`
const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'

for (const alpn of ['http/1.1', 'h2'] as const) {
  t.test(`handleConnection(): ${alpn}: a client whose TLS breaks is let go of, though it stays (P9)`, async t => {
    await using gateway = new Loopback(policyOf('block', [a]))
    await gateway.origin(createTlsServer({ ...originIdentity(a), ALPNProtocols: [alpn] }, socket => socket.resume()))
    const port = await gateway.toward(a)
    // Bytes between the client's records can only come from below its TLS.
    const { promise: between, resolve } = Promise.withResolvers<Socket>()
    const below = createServer(socket => {
      const up = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
      up.on('error', () => {})
      socket.on('error', () => {}).pipe(up, { end: false })
      up.pipe(socket)
      t.teardown(() => up.destroy())
      resolve(up)
    })
    below.listen(0, '127.0.0.1')
    await once(below, 'listening')
    t.teardown(() => below.close())
    const client = connectTls({
      host: '127.0.0.1',
      port: portOf(below),
      servername: a,
      ca: gateway.authority.certificatePem,
      ALPNProtocols: [alpn],
      // Here the last word of the handshake is the gateway's, so that it is over for both.
      maxVersion: 'TLSv1.2',
    })
    client.on('error', () => {})
    await once(client, 'secureConnect')
    t.equal(client.alpnProtocol, alpn)
    ;(await between).write(Buffer.concat([Buffer.from([23, 3, 3, 0, 40]), Buffer.alloc(40, 7)]))
    await gateway.settled()
    // Else the test is too late.
    while (gateway.door.connections > 0) await turn()
    t.match(gateway.job.events, [{ layer: 'tls', verdict: 'allow', error: 'CLIENT_ABORTED' }])
    client.destroy()
  })
}

const clients = { commonName: 'Clients', ...newKeyPair() }
const clientsPem = mintCertificate(
  { commonName: clients.commonName, names: [], authority: true },
  clients.publicKey,
  clients,
)
const wanting = { ...originIdentity(a), requestCert: true, rejectUnauthorized: true, ca: clientsPem }

t.test('audit: an origin that will not do without the client’s certificate is passed, and said so (T12)', async t => {
  await using gateway = new Loopback(policyOf('audit', [a]))
  await gateway.origin(createTlsServer(wanting, socket => void socket.once('data', () => socket.end(answer))))
  const pair = newKeyPair()
  const cert = mintCertificate({ commonName: 'builder', names: [] }, pair.publicKey, clients)
  const own = { cert, key: keyPem(pair.privateKey), ca: outsideCa.certificatePem }
  const client = await tlsClient(gateway, await gateway.toward(a), { servername: a, ...own })
  client.write(get)
  t.equal(await readAll(client), answer)
  t.match(await gateway.job.recorded(1), [{ layer: 'tls', inspected: false, error: 'UPSTREAM_TLS' }])
})

t.test('block: an origin that will not do without the client’s certificate is a failure that says so', async t => {
  await using gateway = new Loopback(policyOf('block', [a]))
  const origin = createTlsServer(wanting, () => t.fail('it was spoken to'))
  await gateway.origin(origin.on('tlsClientError', () => {}))
  const client = await tlsClient(gateway, await gateway.toward(a), { servername: a })
  client.write(get)
  t.match(await readAll(client), /^HTTP\/1\.1 502 [\s\S]*CERTIFICATE_REQUIRED/)
  t.match(await gateway.job.recorded(1), [{ layer: 'http', status: 502, error: 'UPSTREAM_TLS' }])
})

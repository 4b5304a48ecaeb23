import { once } from 'node:events'
import { connect as connectTcp, createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import { policyOf } from './fake-job.ts'
import { hello } from './hello.ts'
import { Loopback, originIdentity } from './loopback.ts'
import { exchange, readAll, tlsClient } from './tls-client.ts'

const a = 'a.example.com'
const get = `GET / HTTP/1.1\r\nHost: ${a}\r\nConnection: close\r\n\r\n`
const echoOrigin = () => createServer({ allowHalfOpen: true }, socket => socket.on('error', () => {}).pipe(socket))

t.test('handleConnection(): under a tcp rule the server may speak first, and bytes pass both ways', async t => {
  await using gateway = new Loopback(policyOf('block', [`tcp://${a}:22`]))
  await gateway.origin(
    createServer({ allowHalfOpen: true }, socket => {
      socket.write('SSH-2.0-server\r\n')
      socket.once('data', () => socket.end('bye'))
    }),
    22,
  )
  const client = connectTcp(await gateway.toward(a, 22), '127.0.0.1')
  const [banner] = await once(client, 'data')
  t.equal(String(banner), 'SSH-2.0-server\r\n')
  client.end('SSH-2.0-client\r\n')
  t.equal(await readAll(client), 'bye')
  const expected = { layer: 'tcp', verdict: 'allow', bytesSent: 16, bytesReceived: 19, address: '203.0.113.10' }
  t.match(await gateway.job.recorded(1), [expected])
})

t.test('handleConnection(): under a tls rule the very handshake reaches the origin (T11)', async t => {
  await using gateway = new Loopback(policyOf('block', [`tls://${a}`]))
  const identity = originIdentity(a)
  await gateway.origin(createTlsServer(identity, socket => socket.on('error', () => {}).end('hi')))
  const port = await gateway.toward(a)
  const client = await tlsClient(gateway, port, { servername: a, rejectUnauthorized: false })
  t.match(client.getPeerCertificate().issuer.CN, /outside/, 'the certificate is the origin’s own')
  t.equal(await readAll(client), 'hi')
  const [line] = await gateway.job.recorded(1)
  t.match(line, { layer: 'tls', verdict: 'allow', inspected: false, address: '203.0.113.10' })
  t.ok((line?.bytesSent ?? 0) > 100 && (line?.bytesReceived ?? 0) > 100)
})

t.test('handleConnection(): DNS over TCP goes to our resolver, whatever address it was meant for (D1)', async t => {
  await using gateway = new Loopback(policyOf('block', []))
  const client = connectTcp(await gateway.toward('203.0.113.53', 53), '127.0.0.1')
  await once(client, 'connect')
  await gateway.settled()
  t.equal(gateway.dnsConnections.length, 1)
  client.destroy()
  for (const socket of gateway.dnsConnections) socket.destroy()
})

t.test('handleConnection(): who is not the job is turned away', async t => {
  await using gateway = new Loopback(policyOf('audit', []))
  gateway.from('198.19.0.99')
  t.equal(await exchange(await gateway.toward(a), get), 'ECONNRESET')
  t.match(gateway.job.events, [{ layer: 'tcp', verdict: 'deny', reason: 'job-unknown' }])
})

t.test('handleConnection(): a log that cannot be written lets nothing new through', async t => {
  await using gateway = new Loopback(policyOf('block', [`tcp://${a}:9`]))
  await gateway.origin(echoOrigin(), 9)
  gateway.job.recordFailed = true
  t.equal(await exchange(await gateway.toward(a, 9), '\0'), 'ECONNRESET')
  t.match(gateway.job.events, [{ verdict: 'deny', reason: 'log-failure' }])
})

t.test('handleConnection(): connections over the limit are reset, those below it go on (P9)', async t => {
  await using gateway = new Loopback(policyOf('block', [`tcp://${a}:9`]), { limits: { maxConnections: 1 } })
  await gateway.origin(echoOrigin(), 9)
  const port = await gateway.toward(a, 9)
  const first = connectTcp(port, '127.0.0.1')
  first.write('1')
  await once(first, 'data')
  t.equal(await exchange(port, '2'), 'ECONNRESET')
  t.match(gateway.job.events, [{ host: a, port: 9, verdict: 'deny', reason: 'too-large', error: 'JOB_LIMIT' }])
  first.end('3')
  t.equal(await readAll(first), '3')
  t.equal(gateway.door.connections, 0)
})

t.test('handleConnection(): a virtual address is held as long as a connection uses it', async t => {
  await using gateway = new Loopback(policyOf('block', [`tcp://${a}:9`]))
  await gateway.origin(echoOrigin(), 9)
  const client = connectTcp(await gateway.toward(a, 9), '127.0.0.1')
  client.write('1')
  await once(client, 'data')
  t.equal(gateway.job.names.held, 1)
  client.end()
  await readAll(client)
  await gateway.settled()
  t.equal(gateway.job.names.held, 0)
  t.equal(gateway.job.open, 0)
})

t.test('handleConnection(): of several rules for one port, the one that admits the bytes is named', async t => {
  const rules = [`https://${a}:8443/only/this`, `tcp://${a}:8443`]
  await using gateway = new Loopback(policyOf('block', rules), { limits: { serverFirstMs: 20 } })
  await gateway.origin(echoOrigin(), 8443)
  const client = connectTcp(await gateway.toward(a, 8443), '127.0.0.1')
  client.on('error', () => {}).end('\0not TLS')
  t.equal(await readAll(client), '\0not TLS')
  t.match(await gateway.job.recorded(1), [{ layer: 'tcp', verdict: 'allow', rule: /tcp:/ }])
})

t.test('handleConnection(): a record names the host that the hello asked for, when it is another', async t => {
  await using gateway = new Loopback(policyOf('audit', [a]))
  await gateway.origin(echoOrigin())
  const client = connectTcp(await gateway.toward(a), '127.0.0.1')
  client.on('error', () => {})
  client.write(hello({ name: 'b.example.com' }))
  await once(client, 'data')
  client.destroy()
  const line = { layer: 'tls', verdict: 'observe', reason: 'sni-mismatch', host: a, asked: 'b.example.com' }
  t.match(await gateway.job.recorded(1), [line])
})

import { once } from 'node:events'
import { connect, createServer as createTcp, type Socket } from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'
import t, { type Test } from 'tap'
import { openOriginTls } from '../../../gateway/upstream/origin-tls.ts'
import { openOrigins } from '../../../gateway/upstream/origins.ts'
import { address, FakeJob, hostname, policyOf, port } from '../door/fake-job.ts'
import { originIdentity, outsideCa } from '../door/loopback.ts'
import { portOf } from '../http/harness.ts'

const host = hostname('api.example.test')
const target = { host, port: port(443), alpn: ['h2', 'http/1.1'] as const }
const never = new AbortController().signal
const tls = openOriginTls([outsideCa.certificate])

/** An origin, and the TCP connections that it took: what is written there comes as bytes between its records. */
async function origin(t: Test, options: TlsOptions): Promise<{ readonly port: number; readonly accepted: Socket[] }> {
  const accepted: Socket[] = []
  const server = createServer({ ...originIdentity(host), ...options }, socket => {
    socket.on('error', () => {})
    if (options.ALPNProtocols === undefined) socket.write('hello')
  })
  server.on('tlsClientError', () => {})
  const front = createTcp(socket => {
    accepted.push(socket)
    socket.on('error', () => {})
    const below = connect(portOf(server), '127.0.0.1')
    below.on('error', () => {})
    socket.pipe(below).pipe(socket)
    t.teardown(() => below.destroy())
  })
  for (const one of [server, front]) {
    one.listen(0, '127.0.0.1')
    await once(one, 'listening')
    t.teardown(() => one.close())
  }
  t.teardown(() => accepted.forEach(socket => socket.destroy()))
  return { port: portOf(front), accepted }
}

const brokenRecord = Buffer.concat([Buffer.from([23, 3, 3, 0, 40]), Buffer.alloc(40, 7)])

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const asking = { requestCert: true, minVersion: version, maxVersion: version, ca: outsideCa.certificatePem }
  t.test(
    `handshake(): ${version}: an origin that will not do without a client's certificate is an error of TLS`,
    async t => {
      const { port: real } = await origin(t, { ...asking, rejectUnauthorized: true })
      await t.rejects(tls.handshake(connect(real, '127.0.0.1'), target, never), { code: 'UPSTREAM_TLS' })
    },
  )
  t.test(`handshake(): ${version}: an origin that only asks for a client's certificate is spoken to`, async t => {
    const { port: real } = await origin(t, { ...asking, rejectUnauthorized: false })
    const socket = await tls.handshake(connect(real, '127.0.0.1'), target, never)
    t.teardown(() => socket.destroy())
    socket.resume()
    const [first] = await once(socket, 'data')
    t.equal(String(first), 'hello', 'and nothing of what it said is lost')
  })
}

t.test('handshake(): a connection whose TLS breaks later is closed, so that nobody waits for it', async t => {
  const { port: real, accepted } = await origin(t, {})
  const socket = await tls.handshake(connect(real, '127.0.0.1'), target, never)
  socket.resume()
  await once(socket, 'data')
  accepted[0]?.write(brokenRecord)
  await new Promise<void>(resolve => socket.once('close', () => resolve()))
  t.ok(socket.destroyed)
})

for (const [how, end] of [
  ['breaks', (socket: Socket | undefined) => void socket?.write(brokenRecord)],
  ['is closed', (socket: Socket | undefined) => void socket?.destroy()],
] as const) {
  t.test(`UpstreamPool: an HTTP/2 connection that ${how} before anybody needed it is not lent`, async t => {
    const { port: real, accepted } = await origin(t, { ALPNProtocols: ['h2'] })
    const dialled: Socket[] = []
    const origins = openOrigins({
      job: new FakeJob(policyOf('block', [host])),
      resolver: { resolve: () => Promise.resolve([address('203.0.113.1')]) },
      tls,
      connect: () => {
        const socket = connect({ host: '127.0.0.1', port: real, allowHalfOpen: true })
        dialled.push(socket)
        return socket
      },
    })
    t.teardown(() => origins[Symbol.dispose]())
    const pool = origins.pool(host, port(443), 'https')
    t.same(await pool.contact(['h2'], never), { alpn: 'h2' })
    const gone = new Promise<void>(resolve => dialled[0]?.once('close', () => resolve()))
    end(accepted[0])
    await gone
    const connection = await pool.acquire('h2', 'any', never)
    t.equal(dialled.length, 2)
    if (!('verdict' in connection)) connection.socket.destroy()
  })
}

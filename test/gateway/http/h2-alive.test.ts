import { once } from 'node:events'
import { connect, constants } from 'node:http2'
import { connect as connectTcp, createServer } from 'node:net'
import t from 'tap'
import { SignOfLife } from '../../../gateway/http/h2-alive.ts'
import { portOf } from '../door/loopback.ts'
import { tlsClient } from '../door/tls-client.ts'
import { collect, H2Rig, host, request } from './h2-rig.ts'

const ok = [':status', '200']
const last = { endStream: true, sendDate: false }

function frame(type: 'headers' | 'settings' | 'goaway', flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = { headers: 1, settings: 4, goaway: 7 }[type]
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

t.test('relayHttp2(): a client that says goodbye, breaks the protocol and leaves is let go of (P9)', async t => {
  await using rig = new H2Rig(stream => stream.resume(), [host], 'block', { aliveMs: 20 })
  const client = await tlsClient(rig.gateway, await rig.start(), { servername: host, ALPNProtocols: ['h2'] })
  client.on('error', () => {})
  client.resume()
  // Static table entries for :method GET, :scheme https, :path /; :authority as a literal.
  const get = Buffer.concat([Buffer.from([0x82, 0x87, 0x84, 0x41, host.length]), Buffer.from(host)])
  const brokenAcknowledgement = frame('settings', 1, 0, Buffer.alloc(6))
  client.write(
    Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      frame('settings', 0, 0, Buffer.alloc(0)),
      frame('headers', 5, 1, get),
      frame('goaway', 0, 0, Buffer.alloc(8)),
      brokenAcknowledgement,
    ]),
  )
  await rig.gateway.settled()
  t.equal(rig.gateway.door.connections, 0)
  t.match(rig.gateway.job.events, [{ layer: 'http', method: 'GET', error: 'CLIENT_ABORTED' }])
})

t.test('relayHttp2(): a client that says goodbye gets what it has asked for, however long it takes', async t => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
  const { promise: patient, resolve: answer } = Promise.withResolvers<void>()
  await using rig = new H2Rig(
    stream => {
      ask()
      void patient.then(() => stream.respond([...ok], last))
    },
    [host],
    'block',
    { aliveMs: 20 },
  )
  const client = await rig.client()
  // Each is a question; Node answers them by itself.
  let questions = 0
  client.on('remoteSettings', () => {
    questions += 1
    if (questions === 4) answer()
  })
  const stream = client.request(request('GET', '/'), { endStream: true })
  await asked
  client.goaway()
  t.match(await collect(stream), { head: ok, code: 0 })
})

t.test('relayHttp2(): a client that closes its connection takes back what it has asked for', async t => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
  const { promise: reset, resolve: end } = Promise.withResolvers<number | undefined>()
  await using rig = new H2Rig(stream => {
    stream.on('close', () => end(stream.rstCode))
    ask()
  })
  const client = await rig.client()
  client.request(request('GET', '/'), { endStream: true }).on('error', () => {})
  await asked
  client.destroy()
  t.equal(await reset, constants.NGHTTP2_CANCEL)
  t.match(await rig.gateway.job.recorded(1), [{ error: 'CLIENT_ABORTED' }])
})

t.test('relayHttp2(): an upload that a leaving origin did not begin with may be sent again by the client', async t => {
  await using rig = new H2Rig((_stream, raw) => t.fail(`not expected: ${raw.join()}`))
  rig.origin.removeAllListeners('secureConnection')
  rig.origin.on('secureConnection', socket => {
    t.teardown(() => socket.destroy())
    socket.on('error', () => {})
    socket.write(frame('settings', 0, 0, Buffer.alloc(0)))
    socket.on('data', () => socket.write(frame('goaway', 0, 0, Buffer.alloc(8))))
  })
  const client = await rig.client()
  const stream = client.request(request('POST', '/'), { endStream: false })
  stream.write('half')
  t.match(await collect(stream), { head: undefined, code: constants.NGHTTP2_REFUSED_STREAM })
})

t.test('relayHttp2(): the more connections a job has, the less each may have under way (P9)', async t => {
  await using rig = new H2Rig(stream => stream.respond([...ok], last))
  const port = await rig.start()
  const windows: (number | undefined)[] = []
  for (let count = 1; count <= 33; count += 1) {
    const client = await rig.client(port)
    await collect(client.request(request('GET', '/'), { endStream: true }))
    windows.push(client.state.remoteWindowSize)
  }
  const [first = 0, alone = 0, crowded = 0] = [windows[0], windows[15], windows[32]]
  t.equal(first, alone, 'a few are not stinted')
  t.ok(crowded > 65_535 && crowded <= first / 2, `${crowded} of ${first}`)
})

t.test('SignOfLife: a session that was destroyed does not keep its socket', async t => {
  const server = createServer()
  server.on('connection', peer => t.teardown(() => peer.destroy()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const socket = connectTcp({ port: portOf(server), host: '127.0.0.1' })
  const session = connect('http://127.0.0.1', { createConnection: () => socket })
  await once(session, 'connect')
  session.close()
  session.destroy()
  const life = new SignOfLife(session, socket)
  life.ask()
  t.ok(socket.destroyed)
})

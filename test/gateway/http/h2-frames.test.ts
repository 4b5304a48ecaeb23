import t from 'tap'
import { tlsClient } from '../door/tls-client.ts'
import { collect, H2Rig, host, request } from './h2-rig.ts'

const ok = [':status', '200']
const quiet = { endStream: true, sendDate: false }
const get = { endStream: true }

const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}
const start = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, Buffer.alloc(0))])
// Static table entries for :method GET, :scheme https, :path /; :authority as a literal.
const head = Buffer.concat([Buffer.from([0x82, 0x87, 0x84, 0x41, host.length]), Buffer.from(host)])

const floods: readonly [string, () => Buffer][] = [
  [
    'streams opened and reset at once (rapid reset)',
    () =>
      Buffer.concat(
        Array.from({ length: 4000 }, (_, index) => [
          frame(1, 5, index * 2 + 1, head),
          frame(3, 0, index * 2 + 1, Buffer.from([0, 0, 0, 8])),
        ]).flat(),
      ),
  ],
  [
    'a header block that never ends (CONTINUATION)',
    () =>
      Buffer.concat([
        frame(1, 0, 1, head),
        ...Array.from({ length: 5000 }, () => frame(9, 0, 1, Buffer.from([0, 1, 0x61, 1, 0x62]))),
      ]),
  ],
  ['frames without meaning', () => Buffer.concat(Array.from({ length: 5000 }, () => frame(0, 0, 9, Buffer.from('x'))))],
  ['settings without end', () => Buffer.concat(Array.from({ length: 20_000 }, () => frame(4, 0, 0, Buffer.alloc(0))))],
  ['bytes that are no HTTP/2', () => Buffer.alloc(10_000, 0x5a)],
]
for (const [what, bytes] of floods) {
  t.test(`relayHttp2(): ${what} ends its connection, and others keep working (P9)`, async t => {
    await using rig = new H2Rig(stream => stream.respond([...ok], quiet))
    const port = await rig.start()
    const attacker = await tlsClient(rig.gateway, port, { servername: host, ALPNProtocols: ['h2'] })
    attacker.on('error', () => {})
    attacker.resume()
    const closed = new Promise(resolve => attacker.once('close', resolve))
    attacker.write(Buffer.concat([start, bytes()]))
    await closed
    const seen = await collect((await rig.client(port)).request(request('GET', '/'), get))
    t.equal(seen.head?.[1], '200')
  })
}

t.test('relayHttp2(): a status that HTTP/2 in Node cannot send is a 502, and no end of the gateway', async t => {
  await using rig = new H2Rig((_stream, raw) => t.fail(`not expected: ${raw.join()}`))
  rig.origin.removeAllListeners('stream')
  rig.origin.on('session', session => {
    session.on('error', () => {})
  })
  // nghttp2 would send it; Node refuses to, so the origin is made of frames.
  rig.origin.removeAllListeners('secureConnection')
  rig.origin.on('secureConnection', socket => {
    const status = Buffer.from([0x08, 3, ...Buffer.from('999')])
    t.teardown(() => socket.destroy())
    socket.on('error', () => {})
    socket.write(frame(4, 0, 0, Buffer.alloc(0)))
    socket.on('data', () => socket.write(frame(1, 5, 1, status)))
  })
  const client = await rig.client()
  const seen = await collect(client.request(request('GET', '/'), { endStream: true }))
  t.match(seen.head, [':status', '502'])
  t.match(await rig.gateway.job.recorded(1), [{ error: 'UPSTREAM_PROTOCOL', status: 502 }])
})

t.test('relayHttp2(): a field that only an upgrade has a use for does not reach the origin (T8)', async t => {
  const heads: (readonly string[])[] = []
  await using rig = new H2Rig((stream, raw) => {
    heads.push(raw)
    stream.respond([...ok], quiet)
  })
  const settings = Buffer.from('http2-settings')
  const block = Buffer.concat([
    Buffer.from([0x82, 0x87, 0x84, 0x41, host.length]),
    Buffer.from(host),
    Buffer.from([0x00, settings.length]),
    settings,
    Buffer.from([1, 0x41]),
  ])
  const socket = await tlsClient(rig.gateway, await rig.start(), { servername: host, ALPNProtocols: ['h2'] })
  socket.write(Buffer.concat([start, frame(1, 5, 1, block)]))
  await rig.gateway.job.recorded(1)
  t.strictSame(heads, [[':method', 'GET', ':scheme', 'https', ':path', '/', ':authority', host]])
  socket.destroy()
})

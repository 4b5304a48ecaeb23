import t from 'tap'
import { tlsClient } from '../door/tls-client.ts'
import { collect, H2Rig, host, request } from './h2-rig.ts'

// nghttp2 takes fields that Node will not send: both sides of the gateway are frames here, as an attacker's would be.

const ok = [':status', '200']
const last = { endStream: true, sendDate: false }

function frame(type: 'data' | 'headers' | 'settings', flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = { data: 0, headers: 1, settings: 4 }[type]
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A literal field without indexing (RFC 7541 §6.2.2). */
function field(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ])
}

const settings = frame('settings', 0, 0, Buffer.alloc(0))
const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings])
// Static table entries for :method POST, :scheme https, :path /; :authority as a literal.
const post = Buffer.concat([Buffer.from([0x83, 0x87, 0x84, 0x41, host.length]), Buffer.from(host)])
const endHeaders = 4
const endStream = 1

const requests: readonly [what: string, trailers: Buffer, arrives: readonly string[]][] = [
  ['a field that only an upgrade has a use for', field('http2-settings', 'x'), []],
  ['one for a proxy', field('proxy-authorization', 'x'), []],
  ['doubled fields', Buffer.concat([field('etag', 'a'), field('etag', 'b')]), ['etag', 'a', 'etag', 'b']],
  ['names that objects have', field('__proto__', 'x'), ['__proto__', 'x']],
]
for (const [what, trailers, arrives] of requests) {
  t.test(`relayHttp2(): request trailers with ${what} are no end of the gateway (P9)`, async t => {
    const { promise: arrived, resolve } = Promise.withResolvers<readonly string[]>()
    await using rig = new H2Rig(stream => {
      let seen: readonly string[] = []
      stream.on('trailers', (_headers, _flags, raw) => (seen = raw))
      stream.on('end', () => {
        resolve(seen)
        stream.respond([...ok], last)
      })
      stream.resume()
    })
    const client = await tlsClient(rig.gateway, await rig.start(), { servername: host, ALPNProtocols: ['h2'] })
    client.on('error', () => {})
    client.resume()
    const message = [
      frame('headers', endHeaders, 1, post),
      frame('data', 0, 1, Buffer.from('body')),
      frame('headers', endHeaders | endStream, 1, trailers),
    ]
    client.write(Buffer.concat([preface, ...message]))
    t.strictSame(await arrived, arrives)
    t.match(await rig.gateway.job.recorded(1), [{ verdict: 'allow', status: 200, bytesSent: 4 }])
    client.destroy()
  })
}

t.test(
  'relayHttp2(): trailers of an origin that cannot be sent on break off the answer, and not the gateway',
  async t => {
    await using rig = new H2Rig((_stream, raw) => t.fail(`not expected: ${raw.join()}`))
    rig.origin.removeAllListeners('secureConnection')
    rig.origin.on('secureConnection', socket => {
      t.teardown(() => socket.destroy())
      socket.on('error', () => {})
      socket.write(settings)
      let isAnswered = false
      socket.on('data', () => {
        if (isAnswered) return
        isAnswered = true
        const answer = [
          frame('headers', endHeaders, 1, Buffer.from([0x88])),
          frame('data', 0, 1, Buffer.from('half')),
          frame('headers', endHeaders | endStream, 1, field('http2-settings', 'x')),
        ]
        socket.write(Buffer.concat(answer))
      })
    })
    const client = await rig.client()
    const seen = await collect(client.request(request('GET', '/'), { endStream: true }))
    t.match(seen, { head: ok, body: 'half' })
    t.not(seen.code, 0, 'the client does not take it for the whole')
    t.match(await rig.gateway.job.recorded(1), [{ verdict: 'allow', error: 'UPSTREAM_PROTOCOL' }])
  },
)

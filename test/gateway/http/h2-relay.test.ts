import { once } from 'node:events'
import { constants } from 'node:http2'
import t from 'tap'
import { collect, H2Rig, request } from './h2-rig.ts'

const ok = [':status', '200']
const quiet = { endStream: false, sendDate: false }

t.test('relayHttp2(): heads, interim answers and trailers pass in order, with duplicates (T14)', async t => {
  const heads: (readonly string[])[] = []
  await using rig = new H2Rig((stream, raw) => {
    heads.push(raw)
    stream.additionalHeaders({ ':status': 103, link: '</a>; rel=preload' })
    stream.respond([...ok, 'x-b', '1', 'x-a', 'é', 'x-b', '2'], { ...quiet, waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': ['1', '2'] }))
    stream.pipe(stream)
  })
  const client = await rig.client()
  const sent = request('POST', '/x?q=1', 'x-z', 'é', 'cookie', 'a=1', 'x-y', '1', 'cookie', 'b=2', 'te', 'trailers')
  const stream = client.request(sent, { endStream: false, waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'r-t': 'yes' }))
  stream.end('hello')
  const seen = await collect(stream)
  t.strictSame(heads, [sent])
  t.strictSame(seen.interim, [[':status', '103', 'link', '</a>; rel=preload']])
  t.strictSame(seen.head, [...ok, 'x-b', '1', 'x-a', 'é', 'x-b', '2'])
  t.equal(seen.body, 'hello')
  t.strictSame(seen.trailers, ['x-sum', '1', 'x-sum', '2'])
  const line = {
    layer: 'http',
    protocol: 'h2',
    method: 'POST',
    path: '/x',
    status: 200,
    verdict: 'allow',
    inspected: true,
  }
  t.match(await rig.gateway.job.recorded(1), [{ ...line, bytesSent: 5, bytesReceived: 5, address: '203.0.113.10' }])
})

t.test('relayHttp2(): a client has less than 64 KiB of one upload under way, however slow the origin', async t => {
  await using rig = new H2Rig(stream => stream.respond([...ok], { ...quiet, endStream: true }))
  const client = await rig.client()
  await collect(client.request(request('GET', '/'), { endStream: true }))
  t.equal(client.remoteSettings.initialWindowSize, 65_535)
})

t.test('relayHttp2(): both sides of a stream talk at once, as gRPC does', async t => {
  await using rig = new H2Rig(stream => {
    stream.respond([...ok], quiet)
    stream.pipe(stream)
  })
  const client = await rig.client()
  const stream = client.request(request('POST', '/chat'), { endStream: false })
  const heard: string[] = []
  stream.setEncoding('latin1')
  for (const word of ['one', 'two', 'three']) {
    stream.write(word)
    const [echo] = await once(stream, 'data')
    heard.push(String(echo))
  }
  stream.end()
  await once(stream, 'close')
  t.strictSame(heard, ['one', 'two', 'three'])
})

t.test('relayHttp2(): a trailers-only answer stays one', async t => {
  const head = [...ok, 'content-type', 'application/grpc', 'grpc-status', '5']
  await using rig = new H2Rig(stream => stream.respond([...head], { ...quiet, endStream: true }))
  const client = await rig.client()
  const stream = client.request(request('POST', '/'), { endStream: true })
  let flags = 0
  stream.on('response', (_headers, seen) => (flags = seen))
  t.strictSame((await collect(stream)).head, head)
  t.equal(flags & constants.NGHTTP2_FLAG_END_STREAM, constants.NGHTTP2_FLAG_END_STREAM)
})

t.test('relayHttp2(): answers to HEAD and 304 have no body and end', async t => {
  await using rig = new H2Rig((stream, raw) => {
    const isHead = raw.includes('HEAD')
    stream.respond([':status', isHead ? '200' : '304', 'content-length', '7', 'etag', '"x"'], {
      ...quiet,
      endStream: true,
    })
  })
  const client = await rig.client()
  t.strictSame((await collect(client.request(request('HEAD', '/'), { endStream: true }))).head, [
    ...ok,
    'content-length',
    '7',
    'etag',
    '"x"',
  ])
  t.match((await collect(client.request(request('GET', '/'), { endStream: true }))).head, [':status', '304'])
})

t.test('relayHttp2(): many streams of many clients share sessions with the origin', async t => {
  await using rig = new H2Rig(stream => stream.respond([...ok], { ...quiet, endStream: true }))
  const port = await rig.start()
  const clients = [await rig.client(port), await rig.client(port)]
  const streams = clients.flatMap(client =>
    Array.from({ length: 150 }, () => collect(client.request(request('GET', '/'), { endStream: true }))),
  )
  const seen = await Promise.all(streams)
  t.equal(seen.filter(one => one.head?.[1] === '200').length, 300)
  t.ok(rig.sessions <= 3, `${rig.sessions} sessions`)
  t.equal((await rig.gateway.job.recorded(300)).length, 300)
  t.equal(rig.gateway.job.open, 0)
})

t.test('relayHttp2(): a slow reader slows the origin', async t => {
  let written = 0
  await using rig = new H2Rig(stream => {
    stream.respond([...ok], quiet)
    const more = (): void => {
      while (written < 64 * 1024 * 1024) {
        written += 65_536
        if (!stream.write(Buffer.alloc(65_536))) return void stream.once('drain', more)
      }
      stream.end()
    }
    more()
  })
  const client = await rig.client()
  const stream = client.request(request('GET', '/big'), { endStream: true })
  await once(stream, 'response')
  // The client's own window is 64 KB: what the origin could write beyond it is what lies in between.
  for (let round = 0; round < 200; round += 1) await new Promise(resolve => client.ping(resolve))
  const held = written
  t.ok(held < 16 * 1024 * 1024, `${held} bytes are under way`)
  stream.destroy()
})

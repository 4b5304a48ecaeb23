import { once } from 'node:events'
import { constants, type ServerHttp2Stream } from 'node:http2'
import { connect, createServer, type Socket } from 'node:net'
import t from 'tap'
import { portOf } from '../door/loopback.ts'
import { collect, H2Rig, request } from './h2-rig.ts'

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_REFUSED_STREAM } = constants
const ok = [':status', '200']
const quiet = { endStream: false, sendDate: false }

/** What arrives of a request, until its stream is closed. */
async function arrivalOf(
  stream: ServerHttp2Stream,
): Promise<{ readonly bytes: number; readonly trailers: readonly string[] }> {
  let bytes = 0
  let trailers: readonly string[] = []
  stream.on('data', (chunk: Buffer) => (bytes += chunk.length))
  stream.on('trailers', (_headers, _flags, raw) => (trailers = [...raw]))
  await once(stream, 'close')
  return { bytes, trailers }
}

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

t.test('relayHttp2(): request trailers reach the origin', async t => {
  await using rig = new H2Rig(stream => {
    stream.on('trailers', (_headers, _flags, raw) =>
      stream.respond([...ok, 'x-seen', raw.join()], { ...quiet, endStream: true }),
    )
    stream.resume()
  })
  const client = await rig.client()
  const stream = client.request(request('POST', '/'), { endStream: false, waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'r-t': 'yes' }))
  stream.end('x')
  t.strictSame((await collect(stream)).head, [...ok, 'x-seen', 'r-t,yes'])
})

t.test('relayHttp2(): a client has less than 64 KiB of one upload under way, however slow the origin', async t => {
  await using rig = new H2Rig(stream => stream.respond([...ok], { ...quiet, endStream: true }))
  const client = await rig.client()
  await collect(client.request(request('GET', '/'), { endStream: true }))
  t.equal(client.remoteSettings.initialWindowSize, 65_535)
})

t.test('relayHttp2(): trailers that come before the origin is reached are kept for it', async t => {
  const arrivals: ReturnType<typeof arrivalOf>[] = []
  await using rig = new H2Rig(stream => {
    arrivals.push(arrivalOf(stream))
    stream.respond([...ok], { ...quiet, endStream: true })
    // The next stream finds no session.
    stream.session?.close()
  })
  const client = await rig.client()
  await collect(client.request(request('GET', '/'), { endStream: true }))
  const reached = Promise.withResolvers<Socket>()
  await using gate = createServer({ pauseOnConnect: true }, socket => reached.resolve(socket))
  await rig.gateway.origin(gate)

  const stream = client.request(request('POST', '/'), { endStream: false, waitForTrailers: true })
  const sent = new Promise<void>(done => {
    stream.on('wantTrailers', () => {
      stream.sendTrailers({ 'r-t': 'yes' })
      client.ping(() => done())
    })
  })
  stream.end('x')
  const [toOrigin] = await Promise.all([reached.promise, sent])
  const onward = connect(portOf(rig.origin), '127.0.0.1')
  toOrigin.pipe(onward).pipe(toOrigin)
  await collect(stream)
  t.strictSame((await Promise.all(arrivals)).at(-1), { bytes: 1, trailers: ['r-t', 'yes'] })
})

t.test('relayHttp2(): what is sent after the whole answer still reaches the origin, trailers too', async t => {
  const arrived: Promise<{ readonly bytes: number; readonly trailers: readonly string[] }>[] = []
  await using rig = new H2Rig(stream => {
    arrived.push(arrivalOf(stream))
    stream.respond([...ok], quiet)
    stream.end('done')
  })
  const client = await rig.client()
  for (let turn = 0; turn < 10; turn += 1) {
    const stream = client.request(request('POST', '/'), { endStream: false, waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'r-t': 'yes' }))
    const seen = collect(stream)
    stream.write(Buffer.alloc(100_000))
    await once(stream, 'end')
    stream.end(Buffer.alloc(200_000))
    t.match(await seen, { body: 'done', code: 0 })
  }
  const whole = { bytes: 300_000, trailers: ['r-t', 'yes'] }
  t.strictSame(
    await Promise.all(arrived),
    Array.from({ length: 10 }, () => whole),
  )
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

t.test('relayHttp2(): a reset by the client reaches the origin with its code', async t => {
  const code = new Promise<number | undefined>(resolve => {
    void (async () => {
      await using rig = new H2Rig(stream => {
        stream.respond([...ok], quiet)
        stream.write('x')
        stream.once('close', () => resolve(stream.rstCode))
      })
      const client = await rig.client()
      const stream = client.request(request('GET', '/'), { endStream: true })
      stream.on('error', () => {})
      await once(stream, 'data')
      stream.close(NGHTTP2_ENHANCE_YOUR_CALM)
      await rig.gateway.job.recorded(1)
      t.match(rig.gateway.job.events, [{ error: 'CLIENT_ABORTED', status: 200 }])
      await code
    })()
  })
  t.equal(await code, NGHTTP2_ENHANCE_YOUR_CALM)
})

for (const [what, code] of [
  ['CANCEL', NGHTTP2_CANCEL],
  ['ENHANCE_YOUR_CALM', NGHTTP2_ENHANCE_YOUR_CALM],
] as const) {
  t.test(`relayHttp2(): ${what} by the origin reaches the client, and the answer does not look complete`, async t => {
    await using rig = new H2Rig(stream => {
      // Waiting for trailers: on other streams Node's close() sends an end before the reset.
      stream.respond([...ok], { ...quiet, waitForTrailers: true })
      stream.write('half', () => stream.close(code))
    })
    const client = await rig.client()
    const seen = await collect(client.request(request('GET', '/'), { endStream: true }))
    t.equal(seen.code, code)
    t.match(await rig.gateway.job.recorded(1), [{ error: 'UPSTREAM_TRUNCATED' }])
  })
}

t.test('relayHttp2(): a stream the origin has not acted on is sent again, once', async t => {
  let attempts = 0
  await using rig = new H2Rig(stream => {
    attempts += 1
    if (attempts === 1) stream.close(NGHTTP2_REFUSED_STREAM)
    else stream.respond([...ok], { ...quiet, endStream: true })
  })
  const client = await rig.client()
  t.match((await collect(client.request(request('POST', '/'), { endStream: true }))).head, ok)
  t.equal(attempts, 2)
})

t.test('relayHttp2(): an origin that goes away between streams is dialled again', async t => {
  await using rig = new H2Rig(stream => {
    stream.respond([...ok], { ...quiet, endStream: true })
    stream.session?.close()
  })
  const client = await rig.client()
  for (const path of ['/1', '/2', '/3']) {
    t.match((await collect(client.request(request('GET', path), { endStream: true }))).head, ok)
  }
  t.ok(rig.sessions >= 2)
  t.notMatch(rig.gateway.job.events, [{ error: String }])
})

t.test('relayHttp2(): an origin that drops the connection before it answers is a 502', async t => {
  await using rig = new H2Rig(stream => stream.session?.destroy())
  const client = await rig.client()
  const seen = await collect(client.request(request('POST', '/'), { endStream: true }))
  t.match(seen.head, [':status', '502'])
  t.match(await rig.gateway.job.recorded(1), [{ error: 'UPSTREAM_TRUNCATED', status: 502 }])
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

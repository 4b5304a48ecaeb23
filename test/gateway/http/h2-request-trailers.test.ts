import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import { connect, createServer, type Socket } from 'node:net'
import t from 'tap'
import { portOf } from '../door/loopback.ts'
import { collect, H2Rig, request } from './h2-rig.ts'

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

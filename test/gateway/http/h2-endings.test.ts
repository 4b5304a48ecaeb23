import { once } from 'node:events'
import { constants } from 'node:http2'
import t from 'tap'
import { collect, H2Rig, request } from './h2-rig.ts'

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_REFUSED_STREAM } = constants
const ok = [':status', '200']
const quiet = { endStream: false, sendDate: false }

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

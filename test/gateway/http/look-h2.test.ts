// What those who look at a job are shown of HTTP/2, and what becomes of what they object to. HTTP/1: look.test.ts.
import { constants, type ServerHttp2Stream } from 'node:http2'
import t from 'tap'
import { Watcher } from '../insight/watcher.ts'
import { collect, H2Rig, host, type OnStream, request } from './h2-rig.ts'

t.setTimeout(30_000)

const ok = [':status', '200', 'content-type', 'text/plain']
const quiet = { endStream: false, sendDate: false }
const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = constants

function watched(mode: 'audit' | 'block', watcher: Watcher, onStream: OnStream): H2Rig {
  const rig = new H2Rig(onStream, [host], mode)
  rig.gateway.job.insight = watcher
  return rig
}

function answering(stream: ServerHttp2Stream, body = 'good', ...fields: string[]): void {
  stream.resume()
  stream.respond([...ok, ...fields], quiet)
  stream.end(body)
}

t.test('an exchange is shown in order, without pseudo-fields', async t => {
  const watcher = new Watcher()
  await using rig = watched('block', watcher, stream => {
    stream.additionalHeaders({ ':status': 103 })
    stream.on('end', () => answering(stream)).resume()
  })
  const client = await rig.client()
  const stream = client.request(request('POST', '/x?q=1', 'x-a', '1', 'x-a', '2'), { endStream: false })
  stream.end('body')
  t.equal((await collect(stream)).body, 'good')
  await watcher.saw('ended')
  t.strictSame(watcher.calls, [
    'request POST /x?q=1 allow',
    'sending body',
    'answered 200',
    'receiving good',
    'received',
    'ended',
  ])
  t.strictSame(watcher.types, ['text/plain'])
  t.match(watcher.requests, [{ scheme: 'https', host, port: 443, path: '/x' }])
  t.strictSame(
    [...(watcher.requests[0]?.fields.entries() ?? [])],
    [
      ['x-a', '1'],
      ['x-a', '2'],
    ],
  )
})

t.test('a stream that is objected to never reaches the origin, and others go on', async t => {
  const reached: string[] = []
  const watcher = new Watcher('request POST')
  await using rig = watched('block', watcher, (stream, raw) => {
    reached.push(raw[1] ?? '')
    answering(stream)
  })
  const client = await rig.client()
  const bad = client.request(request('POST', '/up'), { endStream: false })
  bad.end('evil')
  const [refused, other] = await Promise.all([
    collect(bad),
    collect(client.request(request('GET', '/'), { endStream: true })),
  ])
  t.equal(refused.head?.[1], '403')
  t.match(refused.body, 'tidegate: ')
  t.equal(other.body, 'good')
  t.strictSame(reached, ['GET'])
  const lines = await rig.gateway.job.recorded(2)
  t.match(
    lines.find(({ path }) => path === '/up'),
    { verdict: 'deny', reason: 'denied-by-rule', rule: 'watched[0]', status: 403 },
  )
})

t.test('a piece of a body that is objected to is not sent', async t => {
  let received = ''
  let code: number | undefined
  const watcher = new Watcher('sending evil')
  await using rig = watched('block', watcher, stream => {
    stream.on('data', (piece: Buffer) => (received += piece.toString()))
    stream.on('end', () => (received += '[end]'))
    stream.on('close', () => (code = stream.rstCode))
  })
  const client = await rig.client()
  const stream = client.request(request('POST', '/'), { endStream: false })
  stream.write('harmless')
  await watcher.saw('sending harmless')
  stream.end('evil')
  const seen = await collect(stream)
  t.equal(seen.head?.[1], '403')
  t.match(seen.body, 'tidegate: ')
  t.match(await rig.gateway.job.recorded(1), [{ verdict: 'deny', reason: 'denied-by-rule', rule: 'watched[0]' }])
  t.notMatch(received, 'evil')
  t.ok(code === undefined || code === NGHTTP2_CANCEL, 'half a request does not look whole')
})

t.test('an answer whose head is objected to is a sentence', async t => {
  const watcher = new Watcher('answered')
  await using rig = watched('block', watcher, stream => answering(stream))
  const client = await rig.client()
  const seen = await collect(client.request(request('GET', '/'), { endStream: true }))
  t.equal(seen.head?.[1], '403')
  t.notMatch(seen.body, 'good')
  t.strictSame(watcher.calls.slice(1), ['answered 200', 'ended'])
})

t.test('an answer without a body is whole before it is passed on', async t => {
  const watcher = new Watcher('received')
  await using rig = watched('block', watcher, stream => stream.respond(ok, { ...quiet, endStream: true }))
  const client = await rig.client()
  t.equal((await collect(client.request(request('GET', '/'), { endStream: true }))).head?.[1], '403')
})

t.test('an answer of known length that is objected to lacks its last piece', async t => {
  for (const point of ['receiving two', 'received']) {
    const watcher = new Watcher(point)
    await using rig = watched('block', watcher, stream => {
      stream.respond([...ok, 'content-length', '7'], quiet)
      stream.write('one,')
      void watcher.saw('receiving one,').then(() => stream.end('two'))
    })
    const client = await rig.client()
    const seen = await collect(client.request(request('GET', '/'), { endStream: true }))
    t.notMatch(seen.body, 'two', point)
    t.equal(seen.code, NGHTTP2_CANCEL, 'and is reset')
    await watcher.saw('ended')
    t.match(await rig.gateway.job.recorded(1), [
      { verdict: 'deny', reason: 'denied-by-rule', rule: 'watched[0]', status: 200 },
    ])
  }
})

t.test('an answer of unknown length that is objected to has no end', async t => {
  const watcher = new Watcher('received')
  await using rig = watched('block', watcher, stream => answering(stream))
  const client = await rig.client()
  t.equal((await collect(client.request(request('GET', '/'), { endStream: true }))).code, NGHTTP2_CANCEL)
  await watcher.saw('ended')
  t.strictSame(watcher.calls.slice(1), ['answered 200', 'receiving good', 'received', 'ended'])
})

t.test('in audit everything passes, trailers too, and is observed', async t => {
  for (const point of ['request', 'sending', 'answered', 'receiving', 'received']) {
    let received = ''
    const watcher = new Watcher(point)
    await using rig = watched('audit', watcher, stream => {
      stream.on('data', (piece: Buffer) => (received += piece.toString()))
      stream.on('end', () => {
        stream.respond([...ok, 'content-length', '4'], { ...quiet, waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1' }))
        stream.end('good')
      })
    })
    const client = await rig.client()
    const stream = client.request(request('POST', '/'), { endStream: false })
    stream.end('evil')
    const seen = await collect(stream)
    t.equal(seen.body, 'good', point)
    t.equal(seen.code, NGHTTP2_NO_ERROR)
    t.strictSame(seen.trailers, ['x-sum', '1'])
    t.equal(received, 'evil')
    t.match(await rig.gateway.job.recorded(1), [
      { verdict: 'observe', reason: 'denied-by-rule', rule: 'watched[0]', status: 200 },
    ])
    t.strictSame(
      watcher.calls.filter(call => call === 'received' || call === 'ended'),
      ['received', 'ended'],
      'each once',
    )
  }
})

t.test('a stream that the origin has refused goes out once more, and is shown once', async t => {
  let streams = 0
  const watcher = new Watcher()
  await using rig = watched('block', watcher, stream => {
    streams += 1
    if (streams === 1) stream.close(NGHTTP2_REFUSED_STREAM)
    else answering(stream)
  })
  const client = await rig.client()
  t.equal((await collect(client.request(request('GET', '/'), { endStream: true }))).body, 'good')
  await watcher.saw('ended')
  t.equal(streams, 2)
  t.strictSame(watcher.calls, ['request GET / allow', 'answered 200', 'receiving good', 'received', 'ended'])
})

t.test('a stream that is reset by either side is ended, and not whole', async t => {
  const watcher = new Watcher()
  await using rig = watched('block', watcher, stream => {
    // Node's `close()` ends a stream that waits for no trailers first.
    stream.respond(ok, { ...quiet, waitForTrailers: true })
    stream.write('half')
    void watcher.saw('receiving half').then(() => stream.close(NGHTTP2_CANCEL))
  })
  const client = await rig.client()
  await collect(client.request(request('GET', '/'), { endStream: true }))
  await watcher.saw('ended')
  t.notOk(watcher.calls.includes('received'))

  const left = new Watcher()
  await using silent = watched('block', left, () => {})
  const other = await silent.client()
  const stream = other.request(request('GET', '/'), { endStream: true })
  stream.on('error', () => {})
  await left.saw('request GET / allow')
  stream.close(NGHTTP2_CANCEL)
  await left.saw('ended')
  t.strictSame(left.calls, ['request GET / allow', 'ended'])
})

// What those who look at a job are shown of requests beside the payload: sizes, extensions and trailers.
import type { ServerHttp2Stream } from 'node:http2'
import t from 'tap'
import { Watcher } from '../insight/watcher.ts'
import { collect, H2Rig, host, request } from './h2-rig.ts'
import { hostField as h, never, ok, watched } from './look-rig.ts'

t.setTimeout(30_000)

const quiet = { endStream: true, sendDate: false }
const post = `POST /up HTTP/1.1\r\n${h}Transfer-Encoding: chunked\r\n\r\n`

function wanting(objectsTo?: string): Watcher {
  const watcher = new Watcher(objectsTo)
  watcher.wantsBeside = true
  return watcher
}

t.test('HTTP/1: it is shown as it is, between the payload', async t => {
  for (const wants of [true, false]) {
    const watcher = wanting()
    watcher.wantsBeside = wants
    await using harness = await watched('block', watcher, socket => {
      socket.on('data', (piece: Buffer) => void (piece.toString('latin1').endsWith('\r\n\r\n') && socket.write(ok)))
    })
    await harness.ask(`${post}3;k=v\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n`, all => all.endsWith('good'))
    await watcher.saw('ended')
    t.strictSame(
      watcher.calls.filter(call => /^(?:sending|beside) /.test(call)),
      wants ? ['beside 3;k=v\r\n', 'sending abc', 'beside \r\n0\r\nX-Sum: 1\r\n\r\n'] : ['sending abc'],
    )
  }
})

t.test('HTTP/1: a trailer or an extension that is objected to is not sent', async t => {
  for (const [first, second] of [
    ['3\r\nabc\r\n', '0\r\nX-Key: evil\r\n\r\n'],
    ['3\r\nabc\r\n', '3;k=evil\r\nabc\r\n0\r\n\r\n'],
  ] as const)
    for (const mode of ['block', 'audit'] as const) {
      let received = ''
      const watcher = wanting(`beside ${second.slice(0, second.indexOf('evil') + 4)}`)
      await using harness = await watched(mode, watcher, socket => {
        socket.setEncoding('latin1').on('data', (text: string) => {
          received += text
          if (received.includes('evil')) socket.end(ok, 'latin1')
        })
      })
      const client = await harness.client()
      client.send(`${post}${first}`)
      await watcher.saw('sending abc')
      client.send(second)
      const isBlock = mode === 'block'
      t.match(await client.until(isBlock ? never : all => all.endsWith('good')), isBlock ? /^HTTP\/1.1 403 / : /good$/)
      t.equal(received.includes('evil'), !isBlock, `${mode}: ${second}`)
      await watcher.saw('ended')
      t.match(await harness.job.recorded(1), [
        { verdict: isBlock ? 'deny' : 'observe', reason: 'denied-by-rule', rule: 'watched[0]' },
      ])
    }
})

t.test('HTTP/2: trailers are shown as lines, and not sent when they are objected to', async t => {
  for (const mode of ['block', 'audit'] as const) {
    const watcher = wanting('beside x-key: evil')
    const trailers: string[] = []
    await using rig = new H2Rig(
      (stream: ServerHttp2Stream) => {
        stream.on('trailers', (_headers, _flags, raw) => trailers.push(...raw))
        stream.on('error', () => {})
        stream.resume().on('end', () => {
          if (!stream.destroyed) stream.respond([':status', '200'], quiet)
        })
      },
      [host],
      mode,
    )
    rig.gateway.job.insight = watcher
    const client = await rig.client()
    const stream = client.request(request('POST', '/'), { endStream: false, waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-key': 'evil', 'x-other': '1' }))
    stream.end('body')
    await collect(stream).catch(() => undefined)
    await watcher.saw('ended')
    t.ok(watcher.calls.includes('beside x-key: evil\r\nx-other: 1\r\n'))
    t.strictSame(trailers, mode === 'block' ? [] : ['x-key', 'evil', 'x-other', '1'])
    t.match(await rig.gateway.job.recorded(1), [
      { verdict: mode === 'block' ? 'deny' : 'observe', reason: 'denied-by-rule', rule: 'watched[0]' },
    ])
  }
})

import t from 'tap'
import { policyOf } from '../door/fake-job.ts'
import { Harness, scripted } from './harness.ts'

const all = policyOf('block', ['http://api.example.test'])
const h = 'Host: api.example.test\r\n'
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** The head is whole. */
const headed = (text: string): boolean => text.includes('\r\n\r\n')

t.test('relayHttp1(): heads pass byte for byte, both ways', async t => {
  const asked = `GET /p?x=1&y=%2f HTTP/1.1\r\n${h}X-Zed: 1\r\nX-Foo: 1\r\nx-foo: 2\r\nACCEPT:*/*\r\nCookie: a=1\r\nCookie:  b=2 \r\nX-Bytes: \xe4\xf6\r\n\r\n`
  const answered =
    'HTTP/1.1 299 Fine  Thanks \xe4\r\nContent-Length: 2\r\nX-A: 1\r\nx-a: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-CaSe:Yes\r\n\r\nok'
  let seen = ''
  await using harness = await Harness.open(
    all,
    scripted(text => (headed(text) ? ((seen = text), answered) : undefined)),
  )
  t.equal(await harness.ask(asked, text => text.endsWith('ok')), answered)
  t.equal(seen, asked)
  t.match(await harness.job.recorded(1), [
    {
      layer: 'http',
      host: 'api.example.test',
      port: 80,
      address: '203.0.113.10',
      method: 'GET',
      path: '/p',
      status: 299,
      verdict: 'allow',
      protocol: 'http/1.1',
      flow: 'flow-dns',
      bytesSent: asked.length,
      bytesReceived: answered.length,
    },
  ])
})

t.test('relayHttp1(): T8 what must not pass is cut, the rest of the head is as it was', async t => {
  let seen = ''
  await using harness = await Harness.open(
    all,
    scripted(text => (headed(text) ? ((seen = text), ok) : undefined)),
  )
  await harness.ask(
    `GET / HTTP/1.1\r\n${h}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\nProxy-Connection: x\r\nA: 1\r\n\r\n`,
    text => text.endsWith('ok'),
  )
  t.equal(seen, `GET / HTTP/1.1\r\n${h}Connection: upgrade\r\nA: 1\r\n\r\n`)
})

t.test('relayHttp1(): T6 the offer of HTTP/3 is cut from the answer', async t => {
  await using harness = await Harness.open(
    all,
    scripted(() => 'HTTP/1.1 200 OK\r\nAlt-Svc: h3=":443"; ma=1\r\nContent-Length: 2\r\n\r\nok'),
  )
  t.equal(await harness.ask(`GET / HTTP/1.1\r\n${h}\r\n`, text => text.endsWith('ok')), ok)
})

const answers: readonly [string, string, string][] = [
  [
    'interim answers',
    'GET',
    'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  ],
  [
    'chunks, extensions and trailers',
    'GET',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2;a=b\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n',
  ],
  ['no body in 204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
  ['no body in 304 whatever its length says', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n'],
  ['no body for HEAD whatever its length says', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'],
  ['no body for HEAD under chunked', 'HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
]
for (const [name, method, answer] of answers) {
  t.test(`relayHttp1(): an answer with ${name} passes as it is, and the connection is kept`, async t => {
    await using harness = await Harness.open(
      all,
      scripted(text => (headed(text) ? answer : undefined)),
    )
    const client = await harness.client()
    for (const turn of [1, 2, 3]) {
      client.send(`${method} / HTTP/1.1\r\n${h}\r\n`)
      t.equal(await client.until(text => text.length >= answer.length * turn), answer.repeat(turn))
    }
    t.equal(harness.accepted.length, 1)
    t.equal((await harness.job.recorded(3)).length, 3)
  })

  t.test(`relayHttp1(): an answer with ${name} passes as it is when it comes byte by byte`, async t => {
    await using harness = await Harness.open(all, socket => {
      socket.once('data', () => {
        let sent = 0
        const drip = (): void => {
          if (sent === answer.length) return
          socket.write(answer.slice(sent, (sent += 1)), () => setImmediate(drip))
        }
        drip()
      })
    })
    const client = await harness.client()
    client.send(`${method} / HTTP/1.1\r\n${h}\r\n`)
    t.equal(await client.until(text => text.length >= answer.length), answer)
  })
}

t.test('relayHttp1(): an answer without length ends with its connection, and so does the client’s', async t => {
  await using harness = await Harness.open(all, socket => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end'))
  })
  const client = await harness.client()
  client.send(`GET / HTTP/1.1\r\n${h}\r\n`)
  t.equal(await client.until(() => false), 'HTTP/1.1 200 OK\r\n\r\nuntil the end')
  t.match(await harness.job.recorded(1), [{ status: 200, bytesReceived: 32 }])
})

t.test('relayHttp1(): a request that comes byte by byte arrives as it is', async t => {
  const asked = `POST / HTTP/1.1\r\n${h}Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n2\r\nhi\r\n0\r\nX-T: 7\r\n\r\n`
  let seen = ''
  await using harness = await Harness.open(
    all,
    scripted(text => (text.endsWith('X-T: 7\r\n\r\n') ? ((seen = text), ok) : undefined)),
  )
  const client = await harness.client()
  for (const octet of asked) {
    client.send(octet)
    await new Promise(resolve => setImmediate(resolve))
  }
  t.equal(await client.until(text => text.endsWith('ok')), ok)
  t.equal(seen, asked)
})

t.test('relayHttp1(): Expect: 100-continue goes end to end', async t => {
  await using harness = await Harness.open(all, socket => {
    let seen = ''
    socket.on('data', bytes => {
      seen += bytes.toString('latin1')
      if (seen.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 100 Continue\r\n\r\n')
      if (seen.endsWith('hello')) socket.write(ok)
    })
  })
  const client = await harness.client()
  client.send(`POST / HTTP/1.1\r\n${h}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`)
  t.equal(await client.until(headed), 'HTTP/1.1 100 Continue\r\n\r\n')
  client.send('hello')
  t.ok((await client.until(text => text.endsWith('ok'))).endsWith(ok))
})

t.test('relayHttp1(): an answer that refuses an expectation arrives, though the body was never sent', async t => {
  await using harness = await Harness.open(all, socket => {
    socket.once('data', () => socket.end('HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'))
  })
  const text = await harness.ask(`POST / HTTP/1.1\r\n${h}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`)
  t.ok(text.startsWith('HTTP/1.1 417 No'))
})

t.test('relayHttp1(): pipelined requests are answered in order, each decided', async t => {
  const policy = policyOf('block', ['GET http://api.example.test/yes/**'])
  const seen: string[] = []
  await using harness = await Harness.open(
    policy,
    scripted(text => {
      if (!headed(text)) return undefined
      seen.push(text.split(' ', 2)[1] ?? '')
      return `HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n${(seen.at(-1) ?? '').slice(-6)}`
    }),
  )
  const paths = ['/yes/01', '/no/2', '/yes/03', '/no/4', '/yes/05']
  const got = await harness.ask(paths.map(path => `GET ${path} HTTP/1.1\r\n${h}\r\n`).join(''), text =>
    text.endsWith('yes/05'),
  )
  t.strictSame(seen, ['/yes/01', '/yes/03', '/yes/05'])
  t.strictSame(got.match(/HTTP\/1.1 \d+/g), [
    'HTTP/1.1 200',
    'HTTP/1.1 403',
    'HTTP/1.1 200',
    'HTTP/1.1 403',
    'HTTP/1.1 200',
  ])
})

t.test('relayHttp1(): thousands of pipelined refusals neither overflow the stack nor the memory', async t => {
  await using harness = await Harness.open(policyOf('block', ['http://other.example.test']), () => undefined)
  const count = 3_000
  const got = await harness.ask(
    `GET / HTTP/1.1\r\n${h}\r\n`.repeat(count),
    text => (text.match(/HTTP\/1\.1 403/g) ?? []).length === count,
  )
  t.equal((got.match(/HTTP\/1\.1 403/g) ?? []).length, count)
  t.equal(harness.accepted.length, 0)
})

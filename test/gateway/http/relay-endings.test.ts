import t from 'tap'
import { policyOf } from '../door/fake-job.ts'
import { Harness, scripted } from './harness.ts'

const all = policyOf('block', ['http://api.example.test'])
const h = 'Host: api.example.test\r\n'
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const headed = (text: string): boolean => text.includes('\r\n\r\n')

/** An origin whose first connection dies unanswered on its second request; later ones answer. */
function stale(): { readonly seen: string[]; readonly origin: (socket: import('node:net').Socket) => void } {
  const seen: string[] = []
  let connections = 0
  return {
    seen,
    origin: socket => {
      connections += 1
      const mine = connections
      let requests = 0
      scripted(text => {
        if (!headed(text)) return undefined
        requests += 1
        seen.push(`${mine}: ${text.split('\r\n', 1)[0] ?? ''}`)
        if (mine === 1 && requests === 2) {
          socket.destroy()
          return undefined
        }
        return ok
      })(socket)
    },
  }
}

for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
  t.test(`relayHttp1(): ${method} that met a dying connection goes out once more, on a new one`, async t => {
    const { seen, origin } = stale()
    await using harness = await Harness.open(all, origin)
    const client = await harness.client()
    client.send(`GET /1 HTTP/1.1\r\n${h}\r\n`)
    await client.until(text => text.endsWith('ok'))
    client.send(`${method} /2 HTTP/1.1\r\n${h}Content-Length: 0\r\n\r\n`)
    await client.until(text => text.split('200 OK').length === 3)
    t.strictSame(seen, ['1: GET /1 HTTP/1.1', `1: ${method} /2 HTTP/1.1`, `2: ${method} /2 HTTP/1.1`])
  })
}

t.test('relayHttp1(): POST is never sent twice: the client sees what its own connection would have done', async t => {
  const { seen, origin } = stale()
  await using harness = await Harness.open(all, origin)
  const client = await harness.client()
  client.send(`GET /1 HTTP/1.1\r\n${h}\r\n`)
  await client.until(text => text.endsWith('ok'))
  client.send(`POST /2 HTTP/1.1\r\n${h}Content-Length: 0\r\n\r\n`)
  t.equal(await client.until(() => false), ok)
  t.strictSame(seen, ['1: GET /1 HTTP/1.1', '1: POST /2 HTTP/1.1'])
  t.match((await harness.job.recorded(2)).at(1), { method: 'POST', error: 'UPSTREAM_TRUNCATED' })
})

t.test('relayHttp1(): an origin that never answers the first request is a sentence', async t => {
  await using harness = await Harness.open(all, socket => {
    socket.once('data', () => socket.destroy())
  })
  t.match(
    await harness.ask(`POST / HTTP/1.1\r\n${h}Content-Length: 0\r\n\r\n`),
    /^HTTP\/1.1 502 [^]*UPSTREAM_TRUNCATED/,
  )
})

t.test('relayHttp1(): an origin that answers nonsense is a sentence in block; in audit it passes', async t => {
  const nonsense = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'
  {
    await using harness = await Harness.open(
      all,
      scripted(text => (headed(text) ? nonsense : undefined)),
    )
    t.match(await harness.ask(`GET / HTTP/1.1\r\n${h}\r\n`), /^HTTP\/1.1 502 [^]*UPSTREAM_PROTOCOL/)
  }
  await using harness = await Harness.open(
    policyOf('audit', []),
    scripted(text => (headed(text) ? nonsense : undefined)),
  )
  t.equal(await harness.ask(`GET / HTTP/1.1\r\n${h}\r\n`, text => text.endsWith('ok')), nonsense)
})

t.test('relayHttp1(): an origin that speaks unasked is not believed the next time', async t => {
  let connections = 0
  await using harness = await Harness.open(all, socket => {
    connections += 1
    scripted(text => (headed(text) ? `${ok}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil` : undefined))(socket)
  })
  const text = await harness.ask(`GET / HTTP/1.1\r\n${h}\r\n`)
  t.equal(text, ok)
  t.equal(await harness.ask(`GET / HTTP/1.1\r\n${h}\r\n`), ok)
  t.equal(connections, 2)
})

t.test('relayHttp1(): a kept origin connection serves the next client', async t => {
  await using harness = await Harness.open(
    all,
    scripted(text => (headed(text) ? ok : undefined)),
  )
  for (const _turn of [1, 2, 3]) {
    const client = await harness.client()
    client.send(`GET / HTTP/1.1\r\n${h}\r\n`)
    await client.until(text => text.endsWith('ok'))
    client.socket.end()
    while (harness.relays.size > 0) await Promise.all(harness.relays)
  }
  t.equal(harness.accepted.length, 1)
})

t.test('relayHttp1(): a connection authenticated by NTLM or Negotiate serves nobody else', async t => {
  await using harness = await Harness.open(
    all,
    scripted(text => (headed(text) ? ok : undefined)),
  )
  for (const authorization of ['NTLM TlRMTVNTUAAD', 'Negotiate YII', 'Bearer x']) {
    const client = await harness.client()
    client.send(`GET / HTTP/1.1\r\n${h}Authorization: ${authorization}\r\n\r\n`)
    await client.until(text => text.endsWith('ok'))
    client.socket.end()
    while (harness.relays.size > 0) await Promise.all(harness.relays)
  }
  t.equal(harness.accepted.length, 3)
})

t.test('relayHttp1(): P9 a head that drips is given up after headMs, however steadily it drips', async t => {
  await using harness = await Harness.open(all, () => undefined, { limits: { headMs: 50 } })
  const client = await harness.client()
  let isOver = false
  const drip = (): void => {
    if (isOver) return
    client.send('a')
    setTimeout(drip, 5)
  }
  client.send('GET /')
  drip()
  const answer = await client.until(text => text.includes('tidegate'))
  isOver = true
  t.match(answer, /^HTTP\/1.1 408 /)
  t.match(await harness.job.recorded(1), [
    { verdict: 'deny', reason: 'malformed', error: 'CLIENT_TIMEOUT', status: 408 },
  ])
})

t.test('relayHttp1(): a quiet kept connection is closed after idleMs, without a record', async t => {
  await using harness = await Harness.open(
    all,
    scripted(text => (headed(text) ? ok : undefined)),
    { limits: { idleMs: 40 } },
  )
  t.equal(await harness.ask(`GET / HTTP/1.1\r\n${h}\r\n`), ok)
  t.equal(harness.job.events.length, 1)
})

t.test('relayHttp1(): an exchange may be quiet for longer than idleMs, up to stallMs', async t => {
  await using harness = await Harness.open(
    all,
    socket => {
      socket.on('data', () => setTimeout(() => socket.write(ok), 150))
    },
    { limits: { idleMs: 40, stallMs: 1_000 } },
  )
  t.equal(await harness.ask(`GET / HTTP/1.1\r\n${h}\r\n`, text => text.endsWith('ok')), ok)
  await using silent = await Harness.open(all, () => undefined, { limits: { idleMs: 20, stallMs: 60 } })
  t.equal(await silent.ask(`GET / HTTP/1.1\r\n${h}\r\n`), '')
  t.match(await silent.job.recorded(1), [{ error: 'UPSTREAM_TIMEOUT' }])
})

t.test('relayHttp1(): every flow that was opened is written, and none twice', async t => {
  await using harness = await Harness.open(
    all,
    scripted(text => (headed(text) ? ok : undefined)),
  )
  const client = await harness.client()
  client.send(`GET /1 HTTP/1.1\r\n${h}\r\nGET /2 HTTP/1.1\r\n${h}\r\nGET /3 HTTP/1.1\r\nHost: x.test\r\n\r\nGET`)
  await client.until(text => text.includes('421'))
  client.socket.destroy()
  while (harness.relays.size > 0) await Promise.all(harness.relays)
  t.equal(harness.job.open, 0)
  t.strictSame(
    harness.job.events.map(event => event.path),
    ['/1', '/2', '/3'],
  )
})

t.test(
  'relayHttp1(): an answer whose end we cannot find reaches the client whole, and nothing comes after it',
  async t => {
    const padded = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5  \r\nhello\r\n0  \r\n\r\n'
    for (const split of [0, 47, 60]) {
      await using harness = await Harness.open(all, socket => {
        socket.once('data', () => {
          socket.write(padded.slice(0, split))
          setImmediate(() => socket.write(padded.slice(split)))
        })
      })
      const client = await harness.client()
      client.send(`GET /1 HTTP/1.1\r\n${h}\r\n`)
      t.equal(await client.until(text => text.length >= padded.length), padded)
      client.send(`GET /2 HTTP/1.1\r\n${h}\r\n`)
      t.equal(await client.until(() => false), padded)
      t.match(harness.job.events, [{ status: 200, error: 'UPSTREAM_PROTOCOL' }])
      t.equal(harness.accepted.length, 1)
    }
  },
)

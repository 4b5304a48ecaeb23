import t from 'tap'
import { GatewayError } from '../../../gateway/errors.ts'
import { policyOf } from '../door/fake-job.ts'
import { Harness, scripted } from './harness.ts'

const h = 'Host: api.example.test\r\n'
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const all = policyOf('block', ['http://api.example.test'])

/** An origin that answers every head, and counts what reaches it. */
function counting(): { readonly reached: string[]; readonly origin: (socket: import('node:net').Socket) => void } {
  const reached: string[] = []
  return { reached, origin: scripted(text => (text.includes('\r\n\r\n') ? (reached.push(text), ok) : undefined)) }
}

const ends = (text: string): boolean => text.endsWith('ok') || text.includes('tidegate: ')

t.test('relayHttp1(): D2 a rule that names the path means it', async t => {
  const { reached, origin } = counting()
  await using harness = await Harness.open(policyOf('block', ['http://api.example.test/dns-query']), origin)
  t.equal(
    await harness.ask(`GET /dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB HTTP/1.1\r\n${h}\r\n`, ends),
    ok,
  )
  t.equal(reached.length, 1)
})

t.test('relayHttp1(): a query that only looks a little like DNS passes', async t => {
  const { origin } = counting()
  await using harness = await Harness.open(all, origin)
  for (const target of [
    '/?dns=off',
    '/resolve?name=left-pad',
    '/x?name=a&type=b',
    '/dns?dns=cGxhaW4gdGV4dCB0aGF0IGlzIG5vIGRucw',
  ]) {
    t.equal(await harness.ask(`GET ${target} HTTP/1.1\r\n${h}\r\n`, ends), ok, target)
  }
})

const limited = policyOf('block', [], 'allow:\n  - { to: "http://api.example.test", maxRequestBytes: 10 }\n')

t.test('relayHttp1(): a body over its limit is refused before anything is sent', async t => {
  const { reached, origin } = counting()
  await using harness = await Harness.open(limited, origin)
  t.match(await harness.ask(`POST / HTTP/1.1\r\n${h}Content-Length: 11\r\n\r\n`, ends), /^HTTP\/1.1 413 /)
  t.strictSame(reached, [])
  t.match((await harness.job.recorded(1)).at(0), { verdict: 'deny', reason: 'too-large', status: 413 })
})

t.test('relayHttp1(): a chunked body is cut where it goes over its limit', async t => {
  let seen = ''
  const endings: boolean[] = []
  await using harness = await Harness.open(limited, socket => {
    socket.on('data', bytes => {
      seen += bytes.toString('latin1')
    })
    socket.on('close', () => {
      endings.push(seen.endsWith('0\r\n\r\n'))
    })
    socket.on('end', () => socket.destroy())
  })
  const client = await harness.client()
  client.send(`POST / HTTP/1.1\r\n${h}Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n`)
  while (!seen.includes('12345678')) await new Promise(resolve => setImmediate(resolve))
  client.send('8\r\nabcdefgh\r\n0\r\n\r\n')
  t.match(await client.until(ends), /^HTTP\/1.1 413 /)
  t.match((await harness.job.recorded(1)).at(0), { verdict: 'deny', reason: 'too-large', status: 413 })
  while (endings.length === 0) await new Promise(resolve => setImmediate(resolve))
  t.strictSame(endings, [false])
  t.notMatch(seen, /abcdefgh/)
})

t.test('relayHttp1(): a body within its limit passes', async t => {
  const { origin } = counting()
  await using harness = await Harness.open(limited, origin)
  t.equal(await harness.ask(`POST / HTTP/1.1\r\n${h}Content-Length: 10\r\n\r\n0123456789`, ends), ok)
})

t.test(
  'relayHttp1(): a refused request with a short body keeps the connection, one with a long body ends it',
  async t => {
    const { origin } = counting()
    await using harness = await Harness.open(policyOf('block', ['GET http://api.example.test']), origin)
    const client = await harness.client()
    client.send(`POST / HTTP/1.1\r\n${h}Content-Length: 5\r\n\r\n`)
    await client.until(ends)
    client.send('01234')
    client.send(`GET / HTTP/1.1\r\n${h}\r\n`)
    t.match(await client.until(text => text.endsWith('ok')), /403 Forbidden[^]*connection: keep-alive[^]*200 OK/)
    t.match(
      await harness.ask(`POST / HTTP/1.1\r\n${h}Content-Length: 500000\r\n\r\n`),
      /403 Forbidden[^]*connection: close/,
    )
  },
)

t.test('relayHttp1(): a refusal of HEAD has no body', async t => {
  await using harness = await Harness.open(policyOf('block', ['http://other.example.test']), () => undefined)
  t.match(
    await harness.ask(`HEAD / HTTP/1.1\r\n${h}Connection: close\r\n\r\n`),
    /^HTTP\/1.1 403 Forbidden\r\n[^]*\r\n\r\n$/,
  )
})

t.test('relayHttp1(): a connection refused as a whole answers every request with the sentence', async t => {
  const { reached, origin } = counting()
  await using harness = await Harness.open(all, origin, {
    refusal: { verdict: 'deny', reason: 'private-address', rule: null },
  })
  t.match(await harness.ask(`GET / HTTP/1.1\r\n${h}\r\n`, ends), /^HTTP\/1.1 403 [^]*reason private-address/)
  t.strictSame(reached, [])
  t.match(harness.job.events, [{ verdict: 'deny', reason: 'private-address' }])
})

t.test('relayHttp1(): an origin that cannot be reached is a sentence, not a denial', async t => {
  const { origin } = counting()
  const refusal = new GatewayError(
    'UPSTREAM_CERTIFICATE',
    'the certificate of api.example.test cannot be trusted: CERT_HAS_EXPIRED',
  )
  await using harness = await Harness.open(all, origin, { refusal })
  t.match(
    await harness.ask(`GET / HTTP/1.1\r\n${h}\r\n`, ends),
    /^HTTP\/1.1 502 [^]*CERT_HAS_EXPIRED[^]*UPSTREAM_CERTIFICATE/,
  )
  t.match(harness.job.events, [{ verdict: 'allow', error: 'UPSTREAM_CERTIFICATE', status: 502 }])
})

t.test(
  'relayHttp1(): D10 an allowed name that leads to a private address is refused; in audit it is dialled and observed',
  async t => {
    const { reached, origin } = counting()
    {
      await using harness = await Harness.open(all, origin, { resolved: ['10.0.0.5'] })
      t.match(await harness.ask(`GET / HTTP/1.1\r\n${h}\r\n`, ends), /^HTTP\/1.1 403 [^]*private-address/)
      t.strictSame(reached, [])
      t.match(harness.job.events, [{ verdict: 'deny', reason: 'private-address' }])
    }
    await using harness = await Harness.open(policyOf('audit', ['http://api.example.test']), origin, {
      resolved: ['10.0.0.5'],
    })
    t.equal(await harness.ask(`GET / HTTP/1.1\r\n${h}\r\n`, ends), ok)
    t.match(harness.job.events, [{ verdict: 'observe', reason: 'private-address', address: '10.0.0.5' }])
  },
)

for (const target of ['127.0.0.1', '0.0.0.0', '198.18.0.7', '224.0.0.1', '::1']) {
  t.test(`relayHttp1(): D10 ${target} is dialled in no mode`, async t => {
    const { reached, origin } = counting()
    await using harness = await Harness.open(policyOf('audit', ['http://api.example.test']), origin, {
      resolved: [target],
    })
    t.match(await harness.ask(`GET / HTTP/1.1\r\n${h}\r\n`, ends), /^HTTP\/1.1 403 [^]*private-address/)
    t.strictSame(reached, [])
  })
}

t.test('relayHttp1(): when the log cannot be written nothing new goes out', async t => {
  const { reached, origin } = counting()
  await using harness = await Harness.open(all, origin)
  harness.job.recordFailed = true
  t.match(await harness.ask(`GET / HTTP/1.1\r\n${h}\r\n`, ends), /^HTTP\/1.1 503 [^]*log-failure/)
  t.strictSame(reached, [])
})

t.test(
  'relayHttp1(): D2 an answer that is a DNS message is refused, though the request did not look like one',
  async t => {
    const dns = 'HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\nContent-Length: 2\r\n\r\nok'
    const resolver = scripted(text => (text.includes('\r\n\r\n') ? dns : undefined))
    {
      await using harness = await Harness.open(all, resolver)
      t.match(await harness.ask(`GET /tunnel?q=abc HTTP/1.1\r\n${h}\r\n`, ends), /^HTTP\/1.1 403 /)
      t.match(harness.job.events, [{ verdict: 'deny', reason: 'protocol', status: 403 }])
    }
    {
      await using harness = await Harness.open(policyOf('block', ['http://api.example.test/tunnel']), resolver)
      t.equal(await harness.ask(`GET /tunnel?q=abc HTTP/1.1\r\n${h}\r\n`, ends), dns)
    }
    await using harness = await Harness.open(policyOf('audit', ['http://api.example.test']), resolver)
    t.equal(await harness.ask(`GET /tunnel?q=abc HTTP/1.1\r\n${h}\r\n`, ends), dns)
    t.match(harness.job.events, [{ verdict: 'observe', reason: 'protocol' }])
  },
)

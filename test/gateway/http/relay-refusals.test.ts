import t from 'tap'
import { policyOf } from '../door/fake-job.ts'
import { Harness, scripted } from './harness.ts'

const h = 'Host: api.example.test\r\n'
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const all = policyOf('block', ['http://api.example.test'])
const observing = policyOf('audit', ['http://other.example.test', 'forbid **.evil.test'])
/** The same, but a part of the host is forbidden. */
const reading = policyOf('audit', [
  'http://other.example.test',
  'forbid **.evil.test',
  'forbid http://api.example.test/gists/**',
])

/** An origin that answers every head, and counts what reaches it. */
function counting(): { readonly reached: string[]; readonly origin: (socket: import('node:net').Socket) => void } {
  const reached: string[] = []
  return { reached, origin: scripted(text => (text.includes('\r\n\r\n') ? (reached.push(text), ok) : undefined)) }
}

const ends = (text: string): boolean => text.endsWith('ok') || text.includes('tidegate: ')

const refused: readonly [string, string, number, string][] = [
  ['T2 another host', 'GET / HTTP/1.1\r\nHost: evil.example.test\r\n\r\n', 421, 'host-mismatch'],
  ['T2 another port', 'GET / HTTP/1.1\r\nHost: api.example.test:8080\r\n\r\n', 421, 'host-mismatch'],
  ['T2 userinfo in the host', 'GET / HTTP/1.1\r\nHost: api.example.test@evil.test\r\n\r\n', 421, 'host-mismatch'],
  ['D12 a host with NUL', 'GET / HTTP/1.1\r\nHost: api.example.test\0.evil.test\r\n\r\n', 400, 'malformed'],
  ['D12 a bracketed host', 'GET / HTTP/1.1\r\nHost: [api.example.test]\r\n\r\n', 421, 'host-mismatch'],
  ['T2 an empty host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 421, 'host-mismatch'],
  ['T3 an absolute target elsewhere', `GET http://evil.test/ HTTP/1.1\r\n${h}\r\n`, 421, 'host-mismatch'],
  [
    'T3 an absolute target here, a host elsewhere',
    'GET http://api.example.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n',
    421,
    'host-mismatch',
  ],
  [
    'T3 an absolute target of another scheme',
    `GET https://api.example.test/ HTTP/1.1\r\n${h}\r\n`,
    421,
    'host-mismatch',
  ],
  ['T8 CONNECT', `CONNECT api.example.test:443 HTTP/1.1\r\n${h}\r\n`, 403, 'method'],
  ['T8 CONNECT elsewhere', `CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n`, 403, 'method'],
  ['T8 an upgrade we do not know', `GET / HTTP/1.1\r\n${h}Connection: Upgrade\r\nUpgrade: foo\r\n\r\n`, 403, 'upgrade'],
  [
    'T9 WebSocket without a ws:// rule',
    `GET / HTTP/1.1\r\n${h}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    403,
    'upgrade',
  ],
  [
    'D2 a DNS message in the body',
    `POST /dns-query HTTP/1.1\r\n${h}Content-Type: application/dns-message\r\nContent-Length: 0\r\n\r\n`,
    403,
    'protocol',
  ],
  ['D2 a DNS message asked for', `GET / HTTP/1.1\r\n${h}Accept: application/dns-message\r\n\r\n`, 403, 'protocol'],
  [
    'D2 ?dns= at the customary path',
    `GET /dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB HTTP/1.1\r\n${h}\r\n`,
    403,
    'protocol',
  ],
  [
    'D2 ?dns= at any path, escaped',
    `GET /x?a=1&%64ns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB HTTP/1.1\r\n${h}\r\n`,
    403,
    'protocol',
  ],
  ['D2 the JSON API', `GET /resolve?name=a.example.com&type=TXT HTTP/1.1\r\n${h}\r\n`, 403, 'protocol'],
  ['a path that can be read in two ways', `GET /a/..%2fb HTTP/1.1\r\n${h}\r\n`, 400, 'malformed'],
  [
    'T10 length and coding',
    `POST / HTTP/1.1\r\n${h}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n${h}\r\n`,
    400,
    'malformed',
  ],
  ['T10 a bad chunk', `POST / HTTP/1.1\r\n${h}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`, 400, 'malformed'],
  ['P9 a head that does not end', `GET /${'a'.repeat(40_000)} HTTP/1.1\r\n`, 431, 'malformed'],
  ['P9 a flood of fields', `GET / HTTP/1.1\r\n${h}${'a:b\r\n'.repeat(300)}\r\n`, 431, 'malformed'],
]
for (const [name, asked, status, reason] of refused) {
  t.test(`relayHttp1(): ${name} is refused, and nothing reaches the origin`, async t => {
    const { reached, origin } = counting()
    await using harness = await Harness.open(all, origin)
    const text = await harness.ask(asked, ends)
    t.match(text, new RegExp(`^HTTP/1.1 ${status} `))
    t.strictSame(reached, [])
    t.match((await harness.job.recorded(1)).at(0), { verdict: 'deny', reason, status, bytesSent: 0 })
  })
}

t.test('relayHttp1(): T2 the second request of a kept connection is judged like the first', async t => {
  const { reached, origin } = counting()
  await using harness = await Harness.open(all, origin)
  const client = await harness.client()
  client.send(`GET /1 HTTP/1.1\r\n${h}\r\n`)
  await client.until(ends)
  client.send('GET /2 HTTP/1.1\r\nHost: evil.example.test\r\n\r\n')
  await client.until(text => text.includes('tidegate: '))
  client.send(`GET /3 HTTP/1.1\r\n${h}\r\n`)
  t.match(
    await client.until(text => text.endsWith('ok') && text.includes('421')),
    /200 OK[^]*421 Misdirected[^]*200 OK/,
  )
  t.strictSame(
    reached.map(text => text.split(' ', 2)[1]),
    ['/1', '/3'],
  )
})

const inAudit: readonly [string, string, string][] = [
  ['another host', 'GET / HTTP/1.1\r\nHost: elsewhere.example.test\r\n\r\n', 'host-mismatch'],
  ['an absolute target elsewhere', `GET http://elsewhere.example.test/ HTTP/1.1\r\n${h}\r\n`, 'host-mismatch'],
  ['no rule', `GET / HTTP/1.1\r\n${h}\r\n`, 'no-rule'],
  ['a path that can be read in two ways', `GET /a/..%2fb HTTP/1.1\r\n${h}\r\n`, 'malformed'],
  ['length and coding', `POST / HTTP/1.1\r\n${h}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n`, 'malformed'],
  ['bare line feeds', `GET / HTTP/1.1\nHost: api.example.test\n\r\n\r\n`, 'malformed'],
  ['a bad chunk', `POST / HTTP/1.1\r\n${h}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`, 'malformed'],
  ['CONNECT', `CONNECT api.example.test:443 HTTP/1.1\r\n${h}\r\n`, 'method'],
  ['an upgrade we do not know', `GET / HTTP/1.1\r\n${h}Connection: Upgrade\r\nUpgrade: foo\r\n\r\n`, 'no-rule'],
]
for (const [name, asked, reason] of inAudit) {
  t.test(`relayHttp1(): in audit ${name} reaches the origin as it is, and is observed`, async t => {
    const { reached, origin } = counting()
    await using harness = await Harness.open(observing, origin)
    const client = await harness.client()
    client.send(asked)
    t.equal(await client.until(ends), ok)
    client.socket.destroy()
    t.equal(reached.join(''), asked)
    t.match((await harness.job.recorded(1)).at(0), { verdict: 'observe', reason })
  })
}

const forbidden: readonly [string, string][] = [
  ['by path', `GET /gists/1 HTTP/1.1\r\n${h}\r\n`],
  ['by the host it names', 'GET / HTTP/1.1\r\nHost: drop.evil.test\r\n\r\n'],
  ['by its absolute target', `GET http://drop.evil.test/ HTTP/1.1\r\n${h}\r\n`],
]
for (const [name, asked] of forbidden) {
  t.test(`relayHttp1(): what is forbidden ${name} is refused in audit too`, async t => {
    const { reached, origin } = counting()
    await using harness = await Harness.open(reading, origin)
    t.match(await harness.ask(asked, ends), /^HTTP\/1.1 403 /)
    t.strictSame(reached, [])
    t.match((await harness.job.recorded(1)).at(0), { verdict: 'deny', reason: 'forbidden' })
  })
}

for (const [name, asked, reason] of inAudit.filter(([, , why]) => why === 'malformed' || why === 'method')) {
  t.test(`relayHttp1(): ${name} is refused in audit too, where a part of the host is forbidden`, async t => {
    const { reached, origin } = counting()
    await using harness = await Harness.open(reading, origin)
    t.match(await harness.ask(asked, ends), /^HTTP\/1.1 40[03] /)
    t.notMatch(reached.join(''), 'xyz')
    t.match((await harness.job.recorded(1)).at(0), { verdict: 'deny', reason })
  })
}

t.test(
  'relayHttp1(): in audit an answer that cannot be read ends the exchange, where a part of the host is forbidden',
  async t => {
    const fake = scripted(text => (text.includes('\r\n\r\n') ? 'HTTP/1.1 101 Switching Protocols\r\n\r\n' : undefined))
    await using harness = await Harness.open(reading, fake)
    t.match(await harness.ask(`GET / HTTP/1.1\r\n${h}\r\n`, ends), /^HTTP\/1.1 502 /)
    t.match((await harness.job.recorded(1)).at(0), { error: 'UPSTREAM_PROTOCOL' })
  },
)

t.test(
  'relayHttp1(): in audit an upgrade we do not know is refused, where a part of the host is forbidden',
  async t => {
    const { reached, origin } = counting()
    await using harness = await Harness.open(reading, origin)
    t.match(
      await harness.ask(`GET / HTTP/1.1\r\n${h}Connection: Upgrade\r\nUpgrade: foo\r\n\r\n`, ends),
      /^HTTP\/1.1 403 /,
    )
    t.strictSame(reached, [])
    t.match((await harness.job.recorded(1)).at(0), { verdict: 'deny', reason: 'upgrade' })
  },
)

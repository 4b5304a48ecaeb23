// What is decided and what is forwarded are the same, however the origin reads it.
import t from 'tap'
import { policyOf } from '../door/fake-job.ts'
import { Harness, scripted } from './harness.ts'

const h = 'Host: api.example.test\r\n'
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const ends = (text: string): boolean => text.endsWith('ok') || text.includes('tidegate: ')
const open = policyOf('block', ['http://api.example.test/open/**'])
const closed = policyOf('block', ['http://api.example.test', 'deny POST http://api.example.test/gists/**'])
const limited = policyOf('block', [], 'allow:\n  - { to: "http://api.example.test", maxRequestBytes: 10 }\n')
const extended = `1;${'a'.repeat(1_000)}\r\nx\r\n`

/** An origin that answers every head, and what reaches it. */
function counting(): { readonly reached: string[]; readonly origin: (socket: import('node:net').Socket) => void } {
  const reached: string[] = []
  return { reached, origin: scripted(text => (text.includes('\r\n\r\n') ? (reached.push(text), ok) : undefined)) }
}

const refused: readonly [string, typeof open, string, string][] = [
  ['a path that climbs into an open one', open, `GET /gists/../open/x HTTP/1.1\r\n${h}\r\n`, 'path'],
  ['the same, escaped', open, `GET /gists/%2e%2E/open/x HTTP/1.1\r\n${h}\r\n`, 'path'],
  [
    'a path that climbs out of a denied one',
    closed,
    `POST /gists/../x HTTP/1.1\r\n${h}Content-Length: 0\r\n\r\n`,
    'denied-by-rule',
  ],
  [
    'a denied method in lower case',
    closed,
    `post /gists/1 HTTP/1.1\r\n${h}Content-Length: 0\r\n\r\n`,
    'denied-by-rule',
  ],
  [
    'a body whose chunks are small and whose extensions are not',
    limited,
    `POST / HTTP/1.1\r\n${h}Transfer-Encoding: chunked\r\n\r\n${extended.repeat(17)}`,
    'malformed',
  ],
]
for (const [name, policy, asked, reason] of refused) {
  t.test(`relayHttp1(): ${name} is refused, and nothing reaches the origin`, async t => {
    const { reached, origin } = counting()
    await using harness = await Harness.open(policy, origin)
    t.match(await harness.ask(asked, ends), /^HTTP\/1.1 40[03] /)
    t.strictSame(reached, [])
    t.match((await harness.job.recorded(1)).at(0), { verdict: 'deny', reason, bytesSent: 0 })
  })
}

for (const target of ['/open/a/../b', '/open/./b', '/open/..b/c', '/open/x?to=/../y']) {
  t.test(`relayHttp1(): ${target} stays in what is open, and passes as it is`, async t => {
    const { reached, origin } = counting()
    await using harness = await Harness.open(open, origin)
    const asked = `GET ${target} HTTP/1.1\r\n${h}\r\n`
    t.equal(await harness.ask(asked, ends), ok)
    t.strictSame(reached, [asked])
  })
}

t.test('relayHttp1(): in audit a forbidden part of a host is refused whatever port `Host` names', async t => {
  const audit = policyOf('audit', ['http://api.example.test', 'forbid http://api.example.test/gists/**'])
  const { reached, origin } = counting()
  await using harness = await Harness.open(audit, origin)
  t.match(await harness.ask('GET /gists/1 HTTP/1.1\r\nHost: api.example.test:81\r\n\r\n', ends), /^HTTP\/1.1 403 /)
  t.strictSame(reached, [])
  t.match((await harness.job.recorded(1)).at(0), { verdict: 'deny', reason: 'forbidden' })
})

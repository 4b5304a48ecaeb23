import t from 'tap'
import { maxHelloBytes, readClientHello } from '../../../gateway/door/client-hello.ts'
import { hello, helloMessage, nameList, realHellos, records, type HelloParts } from './hello.ts'

const names: readonly [string, HelloParts, object][] = [
  ['a name', { name: 'a.example.com' }, { kind: 'name', host: 'a.example.com' }],
  ['capitals and a trailing dot', { name: 'A.Example.COM.' }, { kind: 'name', host: 'a.example.com' }],
  ['no name (T5)', {}, { kind: 'none' }],
  ['no extensions at all (T5)', { bare: true }, { kind: 'none' }],
  ['an IPv4 address, which is no name (T5)', { name: '203.0.113.9' }, { kind: 'none' }],
  ['an IPv6 address, which is no name (T5)', { name: '2001:db8::9' }, { kind: 'none' }],
  ['a NUL in the name (D12)', { name: 'evil.test\0.example.com' }, { kind: 'invalid' }],
  ['white space in the name', { name: 'a.example.com evil.test' }, { kind: 'invalid' }],
  ['an address in disguise', { name: '0x7f.1' }, { kind: 'invalid' }],
  ['an empty name', { name: '' }, { kind: 'invalid' }],
  ['bytes that are not ASCII', { name: 'ä.example.com' }, { kind: 'invalid' }],
  ['a name of another type', { extensions: [[0, nameList('a.example.com', 1)]] }, { kind: 'invalid' }],
]
for (const [what, parts, serverName] of names) {
  t.test(`readClientHello(): reads ${what}`, async t => {
    t.match(readClientHello(hello(parts)), { status: 'complete', hello: { serverName } })
  })
}

const twoNames = Buffer.concat([nameList('a.example.com').subarray(2), nameList('b.example.com').subarray(2)])
const lists: readonly [string, Buffer][] = [
  ['two names in one list', Buffer.concat([Buffer.from([0, twoNames.length]), twoNames])],
  ['two names of which one has a type of its own', Buffer.concat([Buffer.from([0, twoNames.length]), twoNames])],
]
for (const [what, content] of lists) {
  t.test(`readClientHello(): ${what} name no host`, async t => {
    t.match(readClientHello(hello({ extensions: [[0, content]] })), { hello: { serverName: { kind: 'invalid' } } })
  })
}

t.test('readClientHello(): reads what the client offers to speak, in its order', async t => {
  t.match(readClientHello(hello({ alpn: ['h2', 'http/1.1', 'x-odd'] })), {
    hello: { alpn: ['h2', 'http/1.1', 'x-odd'] },
  })
  t.match(readClientHello(hello()), { hello: { alpn: [] } })
})

t.test('readClientHello(): sees encrypted hellos, and decides by the outer name (T4)', async t => {
  const read = readClientHello(hello({ name: 'outer.example.com', extensions: [[0xfe0d, Buffer.alloc(200)]] }))
  t.match(read, { hello: { hasEncryptedHello: true, serverName: { kind: 'name', host: 'outer.example.com' } } })
})

const message = helloMessage({ name: 'a.example.com', alpn: ['h2'], extensions: [[51, Buffer.alloc(1300, 3)]] })
for (const size of [1000, 100, 17, 2]) {
  t.test(`readClientHello(): reads a hello in records of ${size} bytes (T5)`, async t => {
    t.match(readClientHello(records(message, size)), {
      status: 'complete',
      hello: { serverName: { host: 'a.example.com' }, alpn: ['h2'] },
    })
  })
}

t.test('readClientHello(): says at every byte how many more it needs, and never too many (T5)', async t => {
  for (const bytes of [records(message), records(message, 100)]) {
    for (let length = 0; length < bytes.length; length += 1) {
      const read = readClientHello(bytes.subarray(0, length))
      if (read.status !== 'incomplete') t.fail(`${read.status} after ${length} bytes`)
      else if (read.need <= length || read.need > bytes.length) t.fail(`needs ${read.need} after ${length} bytes`)
    }
  }
  t.pass('every prefix is incomplete')
})

const duplicate = hello({ name: 'a.example.com', extensions: [[0, nameList('b.example.com')]] })
const malformed: readonly [string, Buffer][] = [
  ['two server name extensions', duplicate],
  ['a message that is not a hello', records(Buffer.from([2, 0, 0, 0]))],
  ['bytes behind the extensions', hello({ tail: Buffer.from([1, 2, 3]) })],
  ['a second message behind the hello', records(Buffer.concat([helloMessage(), helloMessage()]))],
  ['an empty record', Buffer.from([22, 3, 1, 0, 0, 0, 0])],
  ['a record over 2^14 bytes', Buffer.from([22, 3, 1, 0x40, 1, 1])],
  ['a hello over its bound', records(Buffer.from([1, 1, 0, 1]))],
  ['more records than any client makes', records(message, 1)],
  [
    'another record type in the middle',
    Buffer.concat([records(message, 100).subarray(0, 105), Buffer.from([23, 3, 3, 0, 5])]),
  ],
  ['an ALPN list with an empty name', hello({ extensions: [[16, Buffer.from([0, 1, 0])]] })],
  ['an ALPN list that claims more than there is', hello({ extensions: [[16, Buffer.from([0, 9, 2, 104, 50])]] })],
  ['a name list that claims more than there is', hello({ extensions: [[0, Buffer.from([0, 20, 0, 0, 17, 97])]] })],
]
for (const [what, bytes] of malformed) {
  t.test(`readClientHello(): refuses ${what}`, async t => {
    t.equal(readClientHello(bytes).status, 'malformed')
  })
}

for (const [what, bytes] of [
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n')],
  ['an SSH banner', Buffer.from('SSH-2.0-x')],
  ['an SSL 2 hello', Buffer.from([0x80, 0x2e, 1, 0, 2])],
  ['a record of application data', Buffer.from([23, 3, 3, 0, 1, 0])],
  ['a handshake record of no TLS version', Buffer.from([22, 9, 9, 0, 1, 1])],
] as const) {
  t.test(`readClientHello(): takes ${what} for what it is not`, async t => {
    t.equal(readClientHello(bytes).status, 'not-tls')
  })
}

t.test('readClientHello(): a hello at its bound still fits what is peeked', async t => {
  const room = 65_536 - helloMessage({ name: 'a.example.com', extensions: [[21, Buffer.alloc(0)]] }).length
  const big = hello({ name: 'a.example.com', extensions: [[21, Buffer.alloc(room)]] })
  t.match(readClientHello(big), { status: 'complete', hello: { serverName: { host: 'a.example.com' } } })
  t.ok(big.length <= maxHelloBytes)
})

t.test('readClientHello(): reads the hellos of real clients', async t => {
  for (const [client, bytes] of await realHellos()) {
    t.match(
      readClientHello(bytes),
      {
        status: 'complete',
        hello: { serverName: { kind: 'name', host: 'real.example.com' }, alpn: ['h2', 'http/1.1'] },
      },
      client,
    )
  }
})

import t from 'tap'
import { Packet } from 'dns2'
import { readResponse } from '../../../gateway/dns/response.ts'
import { answersQuestion, renderQuestion, withId } from '../../../gateway/dns/upstream-question.ts'
import { hostname } from './fake-job.ts'
import { reply, soa } from './scripted-resolver.ts'

const { A, AAAA, CNAME, SRV, TXT, NS, MX } = Packet.TYPE
const asked = { name: 'www.example.test', type: A }
const question = renderQuestion(hostname(asked.name), asked.type)

t.test('renderQuestion(): is a question of our own, as dns2 reads it', async t => {
  const packet = Packet.parse(withId(question, 0xabcd, true))
  t.match(packet.header, { id: 0xabcd, qr: 0, opcode: 0, rd: 1, qdcount: 1, ancount: 0, nscount: 0, arcount: 1 })
  t.match(packet.questions[0], { name: 'www.example.test', type: A, class: 1 })
  t.match(packet.additionals[0], { type: 41 })
  t.equal(Packet.parse(withId(question, 1, false)).additionals.length, 0)
})

t.test('answersQuestion(): case aside, the question must be ours', async t => {
  t.equal(answersQuestion(reply({ ...asked, name: 'WWW.Example.TEST' }), question), true)
  for (const [name, message] of [
    ['another name', reply({ ...asked, name: 'www.example.tesu' })],
    ['another type', reply({ ...asked, type: AAAA })],
    ['a question', withId(question, 0, true)],
    ['nothing but a header', reply(asked).subarray(0, 12)],
  ] as const) {
    t.equal(answersQuestion(message, question), false, name)
  }
})

t.test('readResponse(): addresses at the asked name', async t => {
  const message = reply(asked, {
    answers: [
      { type: A, address: '192.0.2.1', ttl: 300 },
      { type: A, address: '192.0.2.2', ttl: 20 },
    ],
  })
  t.match(readResponse(message, question), { rcode: 0, addresses: ['192.0.2.1', '192.0.2.2'], ttl: 20 })
})

t.test('readResponse(): addresses at the end of the chain, in whatever order it comes', async t => {
  const message = reply(asked, {
    answers: [
      { name: 'c.example.test', type: A, address: '192.0.2.3' },
      { name: 'b.example.test', type: CNAME, domain: 'C.example.test', ttl: 7 },
      { type: CNAME, domain: 'b.example.test' },
    ],
  })
  t.match(readResponse(message, question), { rcode: 0, addresses: ['192.0.2.3'], ttl: 7 })
})

const ignored: readonly [string, Parameters<typeof reply>[1]][] = [
  ['an address of another name', { answers: [{ name: 'evil.test', type: A, address: '203.0.113.1' }] }],
  ['an address of another type', { answers: [{ type: AAAA, address: '2001:db8::1' }] }],
  ['an address in the authority section', { authorities: [{ type: A, address: '203.0.113.1' }] }],
  ['an address in the additional section', { additionals: [{ type: A, address: '203.0.113.1' }] }],
  ['an alias that leads nowhere', { answers: [{ type: CNAME, domain: 'b.example.test' }] }],
]
for (const [name, sections] of ignored) {
  t.test(`readResponse(): ${name} is not taken`, async t => {
    t.match(readResponse(reply(asked, sections), question), { rcode: 0, addresses: [], records: undefined })
  })
}

t.test('readResponse(): "no" holds as long as the SOA says, and not at all without one', async t => {
  t.match(readResponse(reply(asked, { rcode: 3, authorities: [soa('example.test', 42)] }), question), {
    rcode: 3,
    ttl: 42,
  })
  t.match(readResponse(reply(asked, { rcode: 3 }), question), { rcode: 3, ttl: 0 })
})

t.test('readResponse(): a chain that loops or does not end is malformed', async t => {
  const loop = [
    { type: CNAME, domain: 'b.example.test' },
    { name: 'b.example.test', type: CNAME, domain: 'www.example.test' },
  ]
  t.equal(readResponse(reply(asked, { answers: loop }), question), undefined)
  const long = Array.from({ length: 30 }, (_, index) => ({
    name: index === 0 ? asked.name : `n${index}.test`,
    type: CNAME,
    domain: `n${index + 1}.test`,
  }))
  t.equal(readResponse(reply(asked, { answers: long }), question), undefined)
})

t.test('readResponse(): a TTL with its highest bit set counts as 0', async t => {
  const message = reply(asked, { answers: [{ type: A, address: '192.0.2.1', ttl: 0 }] })
  message.writeUInt32BE(0xffffffff, message.length - 10)
  t.match(readResponse(message, question), { addresses: ['192.0.2.1'], ttl: 0 })
})

t.test('readResponse(): other types keep their records, with their names readable where they will stand', async t => {
  const name = '_db._tcp.example.test'
  const message = reply(
    { name, type: SRV },
    { answers: [{ type: SRV, priority: 1, weight: 2, port: 27017, target: 'a.example.test' }] },
  )
  const found = readResponse(message, renderQuestion(hostname(name), SRV))
  t.match(found, { rcode: 0, records: { count: 1 } })
  t.equal(found?.records?.bytes.buffer.byteLength, found?.records?.bytes.length, 'in a buffer of their own size')
})

const refusedSections: readonly [string, number, Parameters<typeof reply>[1]][] = [
  [
    'an address among other records',
    TXT,
    {
      answers: [
        { type: TXT, data: 'x' },
        { type: A, address: '192.0.2.1' },
      ],
    },
  ],
  [
    'a server record among others',
    TXT,
    {
      answers: [
        { type: TXT, data: 'x' },
        { type: NS, ns: 'ns.example.test' },
      ],
    },
  ],
]
for (const [name, type, sections] of refusedSections) {
  t.test(`readResponse(): ${name} is malformed`, async t => {
    t.equal(readResponse(reply({ ...asked, type }, sections), renderQuestion(hostname(asked.name), type)), undefined)
  })
}

t.test('readResponse(): a name inside data that points forward is malformed', async t => {
  const message = reply({ ...asked, type: MX }, { answers: [{ type: MX, priority: 1, exchange: 'mail.example.test' }] })
  const mx = renderQuestion(hostname(asked.name), MX)
  t.match(readResponse(message, mx), { records: { count: 1 } })
  const exchange = message.length - 'mail.example.test'.length - 2
  const at = message.indexOf(Buffer.from('\u0004mail'))
  t.ok(at >= exchange, 'the exchange is the last name')
  message[at] = 0xc0
  message[at + 1] = 0xff
  t.equal(readResponse(message, mx), undefined)
})

t.test('readResponse(): every message cut short is malformed or empty, and never throws', async t => {
  const whole = reply(asked, {
    answers: [
      { type: CNAME, domain: 'b.example.test' },
      { name: 'b.example.test', type: A, address: '192.0.2.1' },
    ],
  })
  for (let length = question.questionEnd; length < whole.length; length++) {
    t.equal(readResponse(whole.subarray(0, length), question), undefined, `${length} bytes`)
  }
})

t.test('readResponse(): a ladder of pointers as long as a message can be costs milliseconds', async t => {
  const ladder = Buffer.alloc(65_535)
  question.message.copy(ladder, 0, 0, question.questionEnd)
  ladder[2] = 0x81
  ladder[3] = 0x80
  ladder.writeUInt16BE(500, 6)
  for (let at = question.questionEnd; at + 2 <= 0x3fff; at += 2) ladder.writeUInt16BE(0xc000 | Math.max(12, at - 2), at)
  const before = process.cpuUsage()
  for (let round = 0; round < 100; round++) readResponse(ladder, question)
  const { user } = process.cpuUsage(before)
  t.ok(user / 100 < 20_000, `${user / 100} µs for each`)
})

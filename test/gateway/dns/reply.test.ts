import t from 'tap'
import fc from 'fast-check'
import { infoCode } from '../../../gateway/dns/extended-error.ts'
import { renderAnyRecord, renderPointerRecord } from '../../../gateway/dns/local-record.ts'
import { rcode } from '../../../gateway/dns/rcode.ts'
import { renderFault, renderReply, replyLimit, type Reply } from '../../../gateway/dns/reply.ts'
import { readQuery, type Query } from '../../../gateway/dns/wire.ts'
import { query, read, type Asking } from './client.ts'
import { address, hostname } from './fake-job.ts'

function asked(name: string, type = 1, asking: Asking = {}): Query {
  const reading = readQuery(query(name, type, asking))
  if (reading.kind !== 'query') throw new Error('not a question')
  return reading.query
}

const addressReply: Reply = { rcode: 0, answer: { kind: 'address', address: address('198.18.200.7') }, ttl: 77 }
const denied: Reply = {
  rcode: rcode.nxDomain,
  answer: { kind: 'negative' },
  ttl: 10,
  error: { code: infoCode.blocked, text: 'tidegate: no-rule' },
}

t.test('renderReply(): an address is answered under the id, in the case of the question', async t => {
  const bytes = renderReply(asked('WwW.Example.test', 1, { id: 0xbeef }), addressReply, 512)
  t.match(read(bytes), {
    id: 0xbeef,
    rcode: 0,
    question: 'WwW.Example.test',
    answers: [{ name: 'WwW.Example.test', type: 1, ttl: 77, address: '198.18.200.7' }],
    errors: 0,
    hasOpt: false,
  })
})

t.test('renderReply(): QR, RA and the RD of the client are set; AA, AD and Z are not', async t => {
  const bytes = renderReply(asked('example.test'), addressReply, 512)
  t.equal(bytes.readUInt16BE(2), 0x8180)
})

t.test('renderReply(): "no" carries the SOA of the gateway, for as long as it holds', async t => {
  t.match(read(renderReply(asked('evil.test'), denied, 512)), { rcode: 3, answers: [], soaTtl: 10, errors: 0 })
})

t.test('renderReply(): says why only to a client that takes EDNS', async t => {
  t.match(read(renderReply(asked('evil.test'), denied, 512)), { hasOpt: false, error: undefined })
  t.match(read(renderReply(asked('evil.test', 1, { edns: {} }), denied, 1232)), {
    hasOpt: true,
    error: { code: 15, text: 'tidegate: no-rule' },
  })
})

t.test('renderReply(): the explanation goes before the answer does, when there is no room', async t => {
  const question = asked('evil.test', 1, { edns: {} })
  const whole = renderReply(question, denied, 1232)
  t.match(read(renderReply(question, denied, whole.length - 1)), { error: undefined, soaTtl: 10, truncated: false })
})

t.test('renderReply(): an answer without room is left out whole, with TC', async t => {
  const bytes = renderReply(asked('example.test', 1, { edns: {} }), addressReply, 50)
  t.match(read(bytes), { truncated: true, answers: [], errors: 0, hasOpt: true })
})

t.test('renderReply(): an explanation is printable ASCII of at most 200 bytes, whatever a rule holds', async t => {
  const text = `\u001b[31m${'é'.repeat(300)}`
  const { error } = read(
    renderReply(asked('evil.test', 1, { edns: {} }), { ...denied, error: { code: 15, text } }, 1232),
  )
  t.match(error?.text, /^\?\[31m\?{195}$/)
})

t.test('renderReply(): DO is repeated and nothing is signed', async t => {
  const bytes = renderReply(asked('example.test', 1, { edns: { dnssec: true } }), addressReply, 1232)
  t.equal(bytes.readUInt16BE(bytes.length - 4), 0x8000)
})

t.test('renderReply(): a virtual address gives its name back', async t => {
  const owner = '7.200.18.198.in-addr.arpa'
  const records = renderPointerRecord(owner, hostname('npm.example.test'))
  const bytes = renderReply(asked(owner, 12), { rcode: 0, answer: { kind: 'records', records }, ttl: 33 }, 512)
  t.match(read(bytes), { answers: [{ name: owner, type: 12, ttl: 33 }], errors: 0 })
  t.ok(bytes.includes('npm'), 'the name is in it')
})

t.test('renderReply(): ANY gets one HINFO record (RFC 8482)', async t => {
  const answer = { kind: 'records', records: renderAnyRecord() } as const
  t.match(read(renderReply(asked('example.test', 255), { rcode: 0, answer, ttl: 10 }, 512)), {
    answers: [{ name: 'example.test', type: 13, ttl: 10 }],
    errors: 0,
  })
})

t.test('renderFault(): an unreadable question is not repeated, BADVERS travels in the OPT', async t => {
  t.match(read(renderFault(Buffer.alloc(20, 7), rcode.formErr, 12, undefined)), { rcode: 1, question: undefined })
  const { message, questionEnd } = asked('example.test', 1, { edns: {} })
  t.match(read(renderFault(message, rcode.badVers, questionEnd, { udpBytes: 512, dnssecOk: false })), {
    rcode: 16,
    hasOpt: true,
  })
})

t.test('replyLimit(): what the client takes, but never more than one packet over UDP', async t => {
  t.equal(replyLimit('udp', undefined), 512)
  t.equal(replyLimit('udp', { udpBytes: 900, dnssecOk: false }), 900)
  t.equal(replyLimit('udp', { udpBytes: 4_096, dnssecOk: false }), 1_232)
  t.equal(replyLimit('tcp', undefined), 65_535)
})

t.test('renderReply(): never longer than asked for, and always readable', async t => {
  const label = fc.stringMatching(/^[a-z0-9-]{1,63}$/)
  const name = fc
    .array(label, { minLength: 1, maxLength: 6 })
    .map(labels => labels.join('.'))
    .filter(text => text.length <= 253)
  fc.assert(
    fc.property(
      name,
      fc.boolean(),
      fc.integer({ min: 512, max: 1_232 }),
      fc.string({ maxLength: 300 }),
      (text, edns, room, why) => {
        const question = asked(text, 1, edns ? { edns: { size: room } } : {})
        const bytes = renderReply(question, { ...denied, error: { code: 15, text: why } }, room)
        const seen = read(bytes)
        return bytes.length <= room && seen.errors === 0 && seen.rcode === 3 && seen.question === text
      },
    ),
  )
  t.pass('held for every name and size')
})

import t from 'tap'
import { rcode } from '../../../gateway/dns/rcode.ts'
import { readQuery } from '../../../gateway/dns/wire.ts'
import { query, queryOfLabels } from './client.ts'

const a = 1

t.test('readQuery(): a plain question is read, lower-cased', async t => {
  t.match(readQuery(query('WWW.Example.TEST', a)), {
    kind: 'query',
    query: { name: 'www.example.test', plain: true, type: a, edns: undefined, questionEnd: 34 },
  })
})

t.test('readQuery(): EDNS is read, and a size below 512 counts as 512', async t => {
  t.match(readQuery(query('example.test', a, { edns: { size: 4096, dnssec: true } })), {
    query: { edns: { udpBytes: 4096, dnssecOk: true } },
  })
  t.match(readQuery(query('example.test', a, { edns: { size: 0 } })), {
    query: { edns: { udpBytes: 512, dnssecOk: false } },
  })
})

const label63 = 'x'.repeat(63)
const names: readonly [string, readonly Buffer[], string, boolean][] = [
  ['the root', [], '.', false],
  ['a label of 63 bytes', [Buffer.from(label63)], label63, true],
  ['underscores', [Buffer.from('_dmarc'), Buffer.from('example')], '_dmarc.example', true],
  ['a dot inside a label', [Buffer.from('a.b'), Buffer.from('test')], 'a\\.b.test', false],
  ['a NUL inside a label', [Buffer.from('a\0'), Buffer.from('test')], 'a\\000.test', false],
  ['bytes above 127', [Buffer.from([0xff]), Buffer.from('test')], '\\255.test', false],
  ['a space', [Buffer.from('a b'), Buffer.from('test')], 'a\\032b.test', false],
]
for (const [name, labels, text, plain] of names) {
  t.test(`readQuery(): ${name} in the name is told apart`, async t => {
    t.match(readQuery(queryOfLabels(labels, a)), { kind: 'query', query: { name: text, plain } })
  })
}

t.test('readQuery(): a name of 255 bytes is read, one of 256 is not', async t => {
  const labels = [label63, label63, label63].map(label => Buffer.from(label))
  t.match(readQuery(queryOfLabels([...labels, Buffer.from('y'.repeat(61))], a)), { kind: 'query' })
  t.match(readQuery(queryOfLabels([...labels, Buffer.from('y'.repeat(62))], a)), {
    kind: 'fault',
    rcode: rcode.formErr,
  })
})

/** A copy with bytes replaced, from offsets to values. */
function patched(message: Buffer, bytes: Readonly<Record<number, number>>): Buffer {
  const copy = Buffer.from(message)
  for (const [offset, value] of Object.entries(bytes)) copy[Number(offset)] = value
  return copy
}

const plain = query('example.test', a)
const edns = query('example.test', a, { edns: {} })
const optAt = edns.length - 11
const faults: readonly [string, Buffer, number][] = [
  ['opcode STATUS', query('example.test', a, { opcode: 2 }), rcode.notImp],
  ['opcode NOTIFY', query('example.test', a, { opcode: 4 }), rcode.notImp],
  ['opcode UPDATE', query('example.test', a, { opcode: 5 }), rcode.notImp],
  ['no question', patched(plain, { 5: 0 }), rcode.formErr],
  ['two questions', patched(plain, { 5: 2 }), rcode.formErr],
  ['256 questions', patched(plain, { 4: 1, 5: 0 }), rcode.formErr],
  ['an answer section', patched(plain, { 7: 1 }), rcode.formErr],
  ['an authority section', patched(plain, { 9: 1 }), rcode.formErr],
  ['a header and nothing more', plain.subarray(0, 12), rcode.formErr],
  ['a name cut short', plain.subarray(0, 16), rcode.formErr],
  ['a question cut short', plain.subarray(0, plain.length - 1), rcode.formErr],
  ['a pointer as name', patched(plain, { 12: 0xc0, 13: 0x0c }), rcode.formErr],
  ['a label of 64 bytes', patched(plain, { 12: 64 }), rcode.formErr],
  ['bytes after the end', Buffer.concat([plain, Buffer.alloc(1)]), rcode.formErr],
  ['class CH', query('version.bind', 16, { class: 3 }), rcode.refused],
  ['class ANY', query('example.test', a, { class: 255 }), rcode.refused],
  ['EDNS version 1', query('example.test', a, { edns: { version: 1 } }), rcode.badVers],
  ['two OPT records', Buffer.concat([patched(edns, { 11: 2 }), edns.subarray(optAt)]), rcode.formErr],
  ['an OPT that is not at the root', Buffer.concat([patched(edns, { [optAt]: 1 }), Buffer.alloc(2)]), rcode.formErr],
  ['an OPT cut short', edns.subarray(0, edns.length - 3), rcode.formErr],
  [
    'an option longer than its OPT',
    Buffer.concat([patched(edns, { [edns.length - 1]: 5 }), Buffer.from([0, 8, 0, 4, 0])]),
    rcode.formErr,
  ],
  ['an OPT that is announced and missing', patched(plain, { 11: 1 }), rcode.formErr],
  ['more additional records than any client sends', patched(edns, { 10: 0xff }), rcode.formErr],
  ['more than 4,096 bytes', Buffer.concat([plain, Buffer.alloc(4_096)]), rcode.formErr],
]
for (const [name, message, code] of faults) {
  t.test(`readQuery(): ${name} is answered with an error`, async t => {
    t.match(readQuery(message), { kind: 'fault', rcode: code })
  })
}

t.test('readQuery(): an option that we do not know is no fault', async t => {
  const cookie = Buffer.concat([
    patched(edns, { [edns.length - 1]: 12 }),
    Buffer.from([0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]),
  ])
  t.match(readQuery(cookie), { kind: 'query', query: { edns: { udpBytes: 1232 } } })
})

for (const [name, message] of [
  ['an answer (QR)', patched(plain, { 2: 0x81 })],
  ['11 bytes', plain.subarray(0, 11)],
  ['nothing', Buffer.alloc(0)],
] as const) {
  t.test(`readQuery(): ${name} gets silence`, async t => {
    t.same(readQuery(message), { kind: 'silence' })
  })
}

import fc from 'fast-check'
import t from 'tap'
import { parseTable, parseV6Discards } from '../../../gateway/packet/table-reading.ts'

const element = (val: unknown, packets: number): unknown => ({
  elem: { val, timeout: 3600, expires: 3599, counter: { packets, bytes: 9 } },
})

function listing(...entries: readonly unknown[]): string {
  return JSON.stringify({ nftables: [{ metainfo: { version: '1.0.6' } }, ...entries] })
}

t.test('parseTable(): counts by destination, protocol and port', async t => {
  const reading = parseTable(
    listing(
      { set: { name: 'denied', elem: [element({ concat: ['203.0.113.9', 'udp', 443] }, 3)] } },
      {
        set: {
          name: 'denied_protocol',
          elem: [element({ concat: ['203.0.113.9', 'ipencap'] }, 1), element({ concat: ['203.0.113.9', 253] }, 2)],
        },
      },
      { set: { name: 'denied_spoofed', elem: [element({ concat: ['192.0.2.1', '203.0.113.9', 'tcp'] }, 4)] } },
      { set: { name: 'answered_echo', elem: [element('203.0.113.9', 5)] } },
      { counter: { name: 'uncounted', packets: 6, bytes: 1 } },
    ),
  )
  const address = '203.0.113.9'
  t.strictSame(reading?.counts, [
    { kind: 'denied', address, packets: 3, protocol: 'udp', port: 443 },
    { kind: 'protocol', address, packets: 1, protocol: 'ipip' },
    { kind: 'protocol', address, packets: 2, protocol: '253' },
    { kind: 'spoofed', address, packets: 4, protocol: 'tcp', source: '192.0.2.1' },
    { kind: 'echo', address, packets: 5, protocol: 'icmp' },
  ])
  t.equal(reading?.uncounted, 6)
})

function rule(handle: number, verdict: string): unknown {
  return { rule: { handle, chain: 'steer', expr: [{ [verdict]: null }] } }
}

function digest(...entries: readonly unknown[]): string | undefined {
  return parseTable(listing(...entries))?.digest
}

function set(elem?: unknown): unknown {
  return { set: { name: 'denied', size: 9, elem } }
}

function counter(packets: number): unknown {
  return { counter: { name: 'uncounted', packets } }
}

t.test('parseTable(): the digest sees rules, not handles, elements or counters', async t => {
  t.equal(
    digest(rule(1, 'drop'), set(), counter(0)),
    digest(rule(2, 'drop'), set([element({ concat: ['203.0.113.9', 'udp', 1] }, 3)]), counter(7)),
  )
  t.not(digest(rule(1, 'drop')), digest(rule(1, 'accept')))
  t.not(digest(rule(1, 'drop')), digest())
})

t.test('parseTable(): what is no listing is undefined, and nothing makes it throw', async t => {
  for (const text of ['', '{}', '[]', 'null', '{"nftables":1}', '{"nftables"'])
    t.equal(parseTable(text), undefined, text)
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom('denied', 'denied_spoofed', 'answered_echo'), (value, name) => {
      parseTable(
        JSON.stringify({
          nftables: [value, { set: { name, elem: [value, { elem: value }, { elem: { val: value } }] } }],
        }),
      )
    }),
  )
  const odd = { toString: {} }
  parseTable(listing({ set: { name: 'denied', elem: [element(odd, 1), element({ concat: [odd] }, 1)] } }))
  t.pass('held for every generated listing')
})

t.test('parseV6Discards(): reads the one counter', async t => {
  t.equal(parseV6Discards('ifIndex\t7\nIp6InReceives\t9\nIp6InDiscards   \t4\nIp6OutDiscards\t1\n'), 4)
  t.equal(parseV6Discards(''), 0)
})

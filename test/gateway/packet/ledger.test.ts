import t from 'tap'
import { parseAddress } from '../../../gateway/net/address.ts'
import type { Job } from '../../../gateway/jobs/job.ts'
import { openVirtualAddresses } from '../../../gateway/jobs/virtual-addresses.ts'
import { parseCidr } from '../../../gateway/net/cidr.ts'
import { parseHostname } from '../../../gateway/net/hostname.ts'
import { openLedger } from '../../../gateway/packet/ledger.ts'
import type { Counted, TableReading } from '../../../gateway/packet/table-reading.ts'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'
import type { FlowEvent } from '../../../gateway/record/event.ts'
import { openFlow } from '../../../gateway/record/open-flow.ts'

function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new TypeError('absent')
  return value
}

const address = (text: string) => present(parseAddress(text))
const udp = (to: string, port: number, packets: number): Counted => ({
  kind: 'denied',
  address: address(to),
  protocol: 'udp',
  port,
  packets,
})
const seen = (counts: readonly Counted[], uncounted = 0): TableReading => ({ digest: '', counts, uncounted })
const never = new AbortController().signal

function openRig(readings: readonly (TableReading | Error)[], limits: Parameters<typeof openLedger>[3] = {}) {
  const events: FlowEvent[] = []
  const names = openVirtualAddresses({ pool: present(parseCidr('198.18.0.0/16')) })
  const write = (event: FlowEvent): void => void events.push(event)
  const job: Job = {
    name: 'j',
    policy: parsePolicy('version: 1\nmode: block\nallow: [https://a.test]\ndeny: [udp://b.test:443]\n', 'p', () =>
      present(undefined),
    ),
    onPolicyChange: () => ({ [Symbol.dispose]: () => undefined }),
    address: address('198.19.0.2'),
    names,
    sink: { write },
    recordFailed: false,
    openFlow: facts => openFlow(facts, write, () => 0),
    newFlowId: () => 'f',
    attribute: async () => undefined,
  }
  const left = [...readings]
  const read = async (): Promise<TableReading> => {
    const next = present(left.length > 1 ? left.shift() : left[0])
    if (next instanceof Error) throw next
    return next
  }
  const ledger = openLedger(
    { read },
    job,
    { seen: () => undefined, failed: () => undefined },
    { intervalMs: () => 1e9, ...limits },
  )
  return { ledger, events, names }
}

const brief = ({ host, address: to, port, packets, reason }: FlowEvent) => [host ?? to, port, packets, reason]

t.test('openLedger(): writes a destination when it is first seen, then adds up', async t => {
  const to = '203.0.113.9'
  const { ledger, events } = openRig(
    [1, 5, 6, 9].map(packets => seen([udp(to, 443, packets)])),
    { readingsPerLine: 3 },
  )
  for (let count = 0; count < 3; count += 1) await ledger.read(never)
  t.strictSame(events.map(brief), [[to, 443, 1, 'address-literal']])
  await ledger[Symbol.asyncDispose]()
  t.strictSame(events.map(brief).slice(1), [[to, 443, 8, 'address-literal']], 'and the rest at the end')
})

t.test('openLedger(): names what a virtual address stands for, and the rule that denies it', async t => {
  const { ledger, events, names } = openRig([seen([udp('198.18.0.1', 443, 2), udp('198.18.0.2', 443, 1)])])
  for (const name of ['a.test', 'b.test']) names.assign(present(parseHostname(name)), 60, `flow ${name}`)
  await ledger.read(never)
  t.match(events, [
    { host: 'a.test', flow: 'flow a.test', reason: 'no-rule', verdict: 'deny', packets: 2 },
    { host: 'b.test', reason: 'denied-by-rule', rule: /udp:\/\/b\.test:443/ },
  ])
  t.notOk(events.some(event => 'address' in event))
})

t.test('openLedger(): what was counted before the job began is none of the job’s', async t => {
  const before = seen([udp('203.0.113.1', 9, 1)], 4)
  const { ledger, events } = openRig([before, seen([udp('203.0.113.1', 9, 3)], 5)], { since: before })
  await ledger.read(never)
  t.strictSame(events, [])
  await ledger[Symbol.asyncDispose]()
  t.strictSame(
    events.map(({ packets }) => packets),
    [2, 1],
  )
})

t.test('openLedger(): an element that timed out and came again is counted from nothing', async t => {
  const to = '203.0.113.9'
  const { ledger, events } = openRig([seen([udp(to, 1, 7)]), seen([udp(to, 1, 2)])], { readingsPerLine: 0 })
  await ledger.read(never)
  await ledger.read(never)
  t.strictSame(
    events.map(({ packets }) => packets),
    [7, 2],
  )
})

t.test('openLedger(): one reading writes a bounded number of lines; the end writes all', async t => {
  const flood = Array.from({ length: 1_000 }, (_, index) => udp('203.0.113.9', index + 1, 1))
  const { ledger, events } = openRig([seen(flood)], { linesPerReading: 10 })
  await ledger.read(never)
  t.equal(events.length, 10)
  await ledger[Symbol.asyncDispose]()
  t.equal(events.length, 1_000)
  t.equal(new Set(events.map(({ port }) => port)).size, 1_000)
})

t.test('openLedger(): a reading that fails is told, and the next one comes', async t => {
  const { ledger, events } = openRig([new Error('gone'), seen([udp('203.0.113.9', 1, 1)])])
  await t.rejects(ledger.read(never), { message: 'gone' })
  await ledger.read(never)
  t.equal(events.length, 1)
})

t.test('openLedger(): each kind has its verdict and reason', async t => {
  const to = address('203.0.113.9')
  const { ledger, events } = openRig([
    seen([
      { kind: 'protocol', address: to, protocol: 'gre', packets: 1 },
      { kind: 'fragment', address: to, protocol: 'udp', packets: 1 },
      { kind: 'spoofed', address: to, protocol: 'udp', packets: 1, source: address('192.0.2.1') },
      { kind: 'echo', address: to, protocol: 'icmp', packets: 1 },
      { kind: 'v6', protocol: 'ipv6', packets: 1 },
    ]),
  ])
  await ledger.read(never)
  t.strictSame(
    events.map(({ protocol, verdict, reason }) => [protocol, verdict, reason]),
    [
      ['gre', 'deny', 'protocol'],
      ['udp', 'deny', 'malformed'],
      ['udp', 'deny', 'malformed'],
      ['icmp', 'observe', 'protocol'],
      ['ipv6', 'deny', 'protocol'],
    ],
  )
})

t.test('openLedger(): its lines keep the record’s clock when the machine’s is set', async t => {
  t.intercept(Date, 'now', { value: () => 0 })
  const { ledger, events } = openRig([seen([udp('203.0.113.9', 443, 1)], 2)])
  await ledger.read(never)
  await ledger[Symbol.asyncDispose]()
  t.equal(events.length, 2)
  for (const { startedAt } of events) t.ok(startedAt >= performance.timeOrigin)
})

import t from 'tap'
import fc from 'fast-check'
import { openVirtualAddresses } from '../../../gateway/jobs/virtual-addresses.ts'
import type { Address } from '../../../gateway/net/address.ts'
import { address, cidr, FakeClock, hostname } from '../dns/fake-job.ts'

const ttl = 60
const keptMs = 300_000

function open(limit: number, clock = new FakeClock(), pool = '198.18.0.0/16'): ReturnType<typeof openVirtualAddresses> {
  return openVirtualAddresses({ pool: cidr(pool), limit, now: clock.now })
}

t.test('assign(): one name, one address, of the pool, and both ways', async t => {
  const names = open(10)
  const a = names.assign(hostname('a.test'), ttl, 'flow-1')
  const b = names.assign(hostname('b.test'), ttl, 'flow-2')
  t.equal(a, '198.18.0.1')
  t.equal(b, '198.18.0.2')
  t.equal(names.assign(hostname('a.test'), ttl, 'flow-3'), a)
  t.match(names.lookup(address('198.18.0.1')), { host: 'a.test', flow: 'flow-3' }, 'the latest answer names the flow')
  t.equal(names.lookup(address('198.18.0.3')), undefined)
})

t.test('assign(): the network and broadcast address of the pool are not given out', async t => {
  const names = open(100, new FakeClock(), '198.18.0.0/29')
  const given = Array.from({ length: 7 }, (_, index) => names.assign(hostname(`n${index}.test`), ttl, 'f'))
  t.same(given, ['198.18.0.1', '198.18.0.2', '198.18.0.3', '198.18.0.4', '198.18.0.5', '198.18.0.6', undefined])
})

t.test('assign(): an exhausted pool gives the longest unused address, once no answer can lead to it', async t => {
  const clock = new FakeClock()
  const names = open(2, clock)
  names.assign(hostname('a.test'), ttl, 'f')
  clock.ms += 1
  names.assign(hostname('b.test'), ttl, 'f')
  clock.ms += keptMs - 2
  t.equal(names.assign(hostname('c.test'), ttl, 'f'), undefined, 'a.test is still kept')
  clock.ms += 1
  t.equal(names.assign(hostname('c.test'), ttl, 'f'), '198.18.0.1')
  t.match(names.lookup(address('198.18.0.1')), { host: 'c.test' })
  t.equal(names.assign(hostname('a.test'), ttl, 'f'), undefined, 'b.test is still kept')
})

t.test('assign(): keeps an address as long as a long TTL says', async t => {
  const clock = new FakeClock()
  const names = open(1, clock)
  names.assign(hostname('a.test'), 3_600, 'f')
  clock.ms += 3_599_999
  t.equal(names.assign(hostname('b.test'), ttl, 'f'), undefined)
  clock.ms += 1
  t.equal(names.assign(hostname('b.test'), ttl, 'f'), '198.18.0.1')
})

t.test('hold(): an open connection keeps its address, and a while longer', async t => {
  const clock = new FakeClock()
  const names = open(1, clock)
  names.assign(hostname('a.test'), ttl, 'f')
  const first = names.hold(address('198.18.0.1'))
  const second = names.hold(address('198.18.0.1'))
  clock.ms += 10 * keptMs
  t.equal(names.assign(hostname('b.test'), ttl, 'f'), undefined)
  first[Symbol.dispose]()
  first[Symbol.dispose]()
  clock.ms += 10 * keptMs
  t.equal(names.assign(hostname('b.test'), ttl, 'f'), undefined, 'disposing twice releases once')
  second[Symbol.dispose]()
  t.equal(names.assign(hostname('b.test'), ttl, 'f'), undefined)
  clock.ms += keptMs
  t.equal(names.assign(hostname('b.test'), ttl, 'f'), '198.18.0.1')
})

t.test('hold(): an address that stands for nothing can be held all the same', async t => {
  const names = open(1)
  t.doesNotThrow(() => names.hold(address('198.18.0.1'))[Symbol.dispose]())
})

t.test('openVirtualAddresses(): a pool that is none is refused', async t => {
  for (const pool of ['2001:db8::/64', '198.18.0.0/31', '0.0.0.0/0'])
    t.throws(() => open(1, new FakeClock(), pool), RangeError)
})

t.test('openVirtualAddresses(): no address ever has two names that could still be used', async t => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('assign'), n: fc.nat(12) }),
    fc.record({ do: fc.constant('hold'), n: fc.nat(12) }),
    fc.record({ do: fc.constant('release'), n: fc.nat(12) }),
    fc.record({ do: fc.constant('wait'), n: fc.nat(200_000) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), steps => {
      const clock = new FakeClock()
      const names = open(5, clock)
      // The model: which name was told which address, and until when it may use it.
      const told = new Map<Address, { name: string; until: number; holds: Disposable[] }>()
      for (const { do: action, n } of steps) {
        const name = `n${n}.test`
        const mine = [...told].find(([, entry]) => entry.name === name)
        if (action === 'wait') clock.ms += n
        if (action === 'hold' && mine !== undefined && mine[1].until > clock.ms) mine[1].holds.push(names.hold(mine[0]))
        if (action === 'release') mine?.[1].holds.pop()?.[Symbol.dispose]()
        if (action !== 'assign') continue
        const given = names.assign(hostname(name), ttl, 'f')
        if (given === undefined) continue
        const before = told.get(given)
        const isTaken =
          before !== undefined && before.name !== name && (before.holds.length > 0 || before.until > clock.ms)
        if (isTaken || names.lookup(given)?.host !== name) return false
        if (mine !== undefined && mine[0] !== given && (mine[1].holds.length > 0 || mine[1].until > clock.ms))
          return false
        told.set(given, { name, until: clock.ms + ttl * 1_000, holds: before?.name === name ? before.holds : [] })
      }
      return true
    }),
  )
  t.pass('held for every sequence')
})

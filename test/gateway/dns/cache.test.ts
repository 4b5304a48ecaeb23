import t from 'tap'
import fc from 'fast-check'
import { ExpiringCache } from '../../../gateway/dns/cache.ts'

t.test('ExpiringCache: a value is there until its time', async t => {
  const cache = new ExpiringCache<string>({ entries: 10, bytes: 100 })
  cache.set('a', 'one', 3, 1_000)
  t.equal(cache.get('a', 999), 'one')
  t.equal(cache.get('a', 1_000), undefined)
  t.equal(cache.bytes, 0, 'what expired takes no room')
})

t.test('ExpiringCache: the least recently used goes first', async t => {
  const cache = new ExpiringCache<number>({ entries: 2, bytes: 100 })
  cache.set('a', 1, 1, 10)
  cache.set('b', 2, 1, 10)
  cache.get('a', 0)
  cache.set('c', 3, 1, 10)
  t.same(
    ['a', 'b', 'c'].map(key => cache.get(key, 0)),
    [1, undefined, 3],
  )
})

t.test('ExpiringCache: a value larger than the cache is not kept, and empties nothing', async t => {
  const cache = new ExpiringCache<number>({ entries: 9, bytes: 10 })
  cache.set('a', 1, 5, 10)
  cache.set('b', 2, 11, 10)
  t.same(
    ['a', 'b'].map(key => cache.get(key, 0)),
    [1, undefined],
  )
})

t.test('ExpiringCache: never holds more than its limits, and counts what it holds', async t => {
  const step = fc.record({
    key: fc.stringMatching(/^[a-f]$/),
    bytes: fc.nat(60),
    expiresAt: fc.nat(20),
    now: fc.nat(20),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const cache = new ExpiringCache<number>({ entries: 4, bytes: 100 })
      const sizes = new Map<string, number>()
      for (const { key, bytes, expiresAt, now } of steps) {
        cache.set(key, bytes, bytes, expiresAt)
        sizes.set(key, bytes)
        const kept = cache.get(key, now)
        if (kept !== undefined && (kept !== bytes || now >= expiresAt)) return false
        if (cache.size > 4 || cache.bytes > 100 || cache.bytes < 0) return false
      }
      for (const key of sizes.keys()) cache.get(key, 21)
      return cache.size === 0 && cache.bytes === 0
    }),
  )
  t.pass('held for every sequence')
})

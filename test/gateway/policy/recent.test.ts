import fc from 'fast-check'
import t from 'tap'
import { Recent } from '../../../gateway/policy/recent.ts'

t.test('Recent: keeps what was used last, and never more than twice its limit', async t => {
  const limit = 4
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 80 }), keys => {
      const recent = new Recent<number, string>(limit)
      for (const [index, key] of keys.entries()) {
        const known = recent.get(key)
        if (known !== undefined && known !== `v${key}`) return false
        if (known === undefined) recent.set(key, `v${key}`)
        if (recent.size > 2 * limit) return false
        const lastUsed = [...new Set(keys.slice(0, index + 1).toReversed())].slice(0, limit)
        // Asked of a copy of the history, as asking is use.
        if (!lastUsed.every(last => remembers(keys.slice(0, index + 1), last, limit))) return false
      }
      return true
    }),
  )
  t.pass('held for every generated sequence of keys')
})

t.test('Recent: a million keys leave it as small as it was', async t => {
  const recent = new Recent<number, number>(100)
  for (let key = 0; key < 1_000_000; key += 1) recent.set(key, key)
  t.ok(recent.size <= 200)
  t.equal(recent.get(0), undefined)
  t.equal(recent.get(999_999), 999_999)
})

function remembers(history: readonly number[], key: number, limit: number): boolean {
  const recent = new Recent<number, string>(limit)
  for (const used of history) if (recent.get(used) === undefined) recent.set(used, `v${used}`)
  return recent.get(key) === `v${key}`
}

import t from 'tap'
import { TokenBucket } from '../../../gateway/jobs/token-bucket.ts'

/** How many of `count` are taken at once. */
function taken(bucket: TokenBucket, count: number): number {
  return Array.from({ length: count }, () => bucket.take()).filter(Boolean).length
}

t.test('take(): a burst, then the rate, and never more than a burst after a rest', async t => {
  let now = 0
  const bucket = new TokenBucket({ perSecond: 10, burst: 5 }, () => now)
  t.equal(taken(bucket, 9), 5)
  now += 99
  t.equal(taken(bucket, 9), 0)
  now += 1
  t.equal(taken(bucket, 9), 1)
  now += 250
  t.equal(taken(bucket, 9), 2)
  now += 60_000
  t.equal(taken(bucket, 9), 5)
})

t.test('take(): a clock that is set back neither fills nor empties it', async t => {
  let now = 1_000
  const bucket = new TokenBucket({ perSecond: 1, burst: 2 }, () => now)
  t.equal(taken(bucket, 3), 2)
  now = 0
  t.equal(bucket.take(), false)
  now = 1_000
  t.equal(bucket.take(), true)
})

t.test('take(): with no limit, every one is taken', async t => {
  const bucket = new TokenBucket({ perSecond: Infinity, burst: Infinity }, () => 0)
  t.equal(taken(bucket, 1_000), 1_000)
})

import t from 'tap'
import { hostname } from './fake-job.ts'
import { reply, soa, type Script } from './scripted-resolver.ts'
import { answerOf, upstreamRig, www } from './upstream-rig.ts'

const a = 1

t.test('exists(): the second time it is a value, from the cache, until the TTL is over', async t => {
  const { upstream, sent, skip } = await upstreamRig(t, answerOf, { hasIpv6: () => false })
  t.match(await upstream.exists(www), { cached: false })
  const again = upstream.exists(www)
  t.notOk(again instanceof Promise)
  t.match(again, { outcome: 'exists', cached: true })
  skip(59_000)
  t.match(upstream.exists(www), { cached: true })
  skip(2_000)
  t.match(await upstream.exists(www), { cached: false })
  t.equal(sent().length, 2)
})

const ttls: readonly [string, Script, number][] = [
  ['a TTL of 0 counts as 5 s', asked => reply(asked, { answers: [{ type: a, address: '192.0.2.1', ttl: 0 }] }), 5],
  [
    'a TTL of a week counts as an hour',
    asked => reply(asked, { answers: [{ type: a, address: '192.0.2.1', ttl: 604_800 }] }),
    3_600,
  ],
  ['"no" for a day counts as a minute', asked => reply(asked, { rcode: 3, authorities: [soa('test', 86_400)] }), 60],
  ['"no" without SOA counts for 5 s', asked => reply(asked, { rcode: 3 }), 5],
]
for (const [name, script, seconds] of ttls) {
  t.test(`exists(): ${name}`, async t => {
    const { upstream, skip } = await upstreamRig(t, script, { hasIpv6: () => false })
    await upstream.exists(www)
    skip(seconds * 1_000 - 900)
    t.match(upstream.exists(www), { cached: true })
    skip(1_000)
    t.match(await upstream.exists(www), { cached: false })
  })
}

t.test('exists(): equal questions at the same time are one', async t => {
  const { upstream, sent } = await upstreamRig(t, answerOf, { hasIpv6: () => false })
  const all = await Promise.all(Array.from({ length: 50 }, async () => upstream.exists(www)))
  t.ok(all.every(({ outcome }) => outcome === 'exists'))
  t.equal(sent().length, 1)
})

t.test('openUpstreamResolver(): the cache keeps to its bounds', async t => {
  const { upstream, sent } = await upstreamRig(t, answerOf, {
    hasIpv6: () => false,
    cache: { entries: 2, bytes: 10_000 },
  })
  for (const name of ['a.test', 'b.test', 'c.test', 'a.test']) await upstream.exists(hostname(name))
  t.equal(sent().length, 4)
})

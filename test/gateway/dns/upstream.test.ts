import t from 'tap'
import { openUpstreamResolver } from '../../../gateway/dns/upstream.ts'
import { address, hostname } from './fake-job.ts'
import { reply, zone } from './scripted-resolver.ts'
import { answerOf, never, upstreamRig, www } from './upstream-rig.ts'

const a = 1
const aaaa = 28
const txt = 16
const exists = { outcome: 'exists' }

t.test('exists(): A and AAAA are asked at once, and the dial after it asks nothing', async t => {
  const { upstream, sent, resolver } = await upstreamRig(
    t,
    zone({ 'A www.test': ['192.0.2.1'], 'AAAA www.test': ['2001:db8::1'] }),
    // The first question of a process may take its time on a busy machine: nothing is asked twice here.
    { patience: { tryMs: 2_000 } },
  )
  t.match(await upstream.exists(www), exists)
  await resolver.questions(2)
  t.same(sent().toSorted(), ['udp www.test 1', 'udp www.test 28'])
  await upstream.find(www, aaaa)
  t.same(await upstream.resolve(www, never()), ['2001:db8::1', '192.0.2.1'])
  t.equal(sent().length, 2)
})

t.test('exists(): does not wait for AAAA when A is there', async t => {
  const { upstream, resolver } = await upstreamRig(t, asked => (asked.type === aaaa ? undefined : answerOf(asked)))
  t.match(await upstream.exists(www), exists)
  t.same(await upstream.resolve(www, never()), ['192.0.2.1'], 'nor does the dial, for long')
  t.ok(resolver.asked.some(({ type }) => type === aaaa))
})

t.test('exists(): a machine without IPv6 asks AAAA only of names without A', async t => {
  const script = zone({ 'A www.test': ['192.0.2.1'], 'AAAA six.test': ['2001:db8::1'] })
  const { upstream, sent } = await upstreamRig(t, script, { hasIpv6: () => false })
  t.match(await upstream.exists(www), exists)
  t.same(sent(), ['udp www.test 1'])
  t.match(await upstream.exists(hostname('six.test')), exists)
  t.same(await upstream.resolve(hostname('six.test'), never()), ['2001:db8::1'])
})

t.test('exists(): a name with neither has no data, one that does not exist has no name', async t => {
  const { upstream } = await upstreamRig(t, zone({ 'TXT www.test': [] }))
  t.match(await upstream.exists(www), { outcome: 'no-data' })
  t.match(await upstream.exists(hostname('none.test')), { outcome: 'no-name' })
})

t.test('find(): records of other types, remembered', async t => {
  const { upstream, sent } = await upstreamRig(t, asked => reply(asked, { answers: [{ type: txt, data: 'v=spf1' }] }))
  t.match(await upstream.find(www, txt), { rcode: 0, records: { count: 1 }, cached: false })
  t.match(upstream.find(www, txt), { records: { count: 1 }, cached: true })
  t.equal(sent().length, 1)
})

t.test('find(): an answer that is malformed is a failure', async t => {
  const { upstream } = await upstreamRig(t, asked =>
    reply(asked, {
      answers: [
        { type: a, address: '192.0.2.1' },
        { type: txt, data: 'x' },
      ],
    }),
  )
  t.match(await upstream.find(www, txt), { failure: 'UPSTREAM_DNS', records: undefined })
})

t.test('resolve(): a name without addresses is UPSTREAM_DNS, and says what the resolver said', async t => {
  const { upstream } = await upstreamRig(t, zone({ 'TXT www.test': [] }))
  await t.rejects(upstream.resolve(www, never()), { code: 'UPSTREAM_DNS', details: { rcode: 'NODATA' } })
  await t.rejects(upstream.resolve(hostname('none.test'), never()), {
    code: 'UPSTREAM_DNS',
    details: { rcode: 'NXDOMAIN' },
  })
})

t.test('resolve(): ends with the signal, and the question goes on for others', async t => {
  const { upstream } = await upstreamRig(t, () => undefined, { patience: { tryMs: 50, tries: 1, deadlineMs: 400 } })
  const abort = new AbortController()
  const resolving = upstream.resolve(www, abort.signal)
  const other = upstream.exists(www)
  abort.abort(new Error('gone'))
  await t.rejects(resolving, { message: 'gone' })
  t.match(await other, { failure: 'UPSTREAM_TIMEOUT' })
  await t.rejects(upstream.resolve(www, abort.signal), { message: 'gone' })
})

t.test('openUpstreamResolver(): without servers there is nothing to ask', async t => {
  t.throws(() => openUpstreamResolver({ servers: [] }), { code: 'NO_RESOLVER' })
})

t.test('openUpstreamResolver(): a name of the hosts file is asked of nobody', async t => {
  const hosts = new Map([
    [www, [address('192.0.2.7'), address('2001:db8::7')]],
    [hostname('four.test'), [address('192.0.2.8')]],
  ])
  const { upstream, sent } = await upstreamRig(t, answerOf, { hosts })
  t.match(upstream.exists(www), { outcome: 'exists', cached: true })
  t.same(await upstream.resolve(www, never()), ['2001:db8::7', '192.0.2.7'])
  t.same(await upstream.resolve(hostname('four.test'), never()), ['192.0.2.8'])
  t.same(sent(), [])
  await upstream.find(www, txt)
  t.same(sent(), ['udp www.test 16'], 'but for other records')
})

t.test('openUpstreamResolver(): disposed, what waits fails at once', async t => {
  const { upstream } = await upstreamRig(t, () => undefined, {
    patience: { tryMs: 20_000, tries: 1, deadlineMs: 60_000 },
  })
  const waiting = upstream.exists(www)
  await upstream[Symbol.asyncDispose]()
  t.match(await waiting, { outcome: 'failed' })
})

t.test('openUpstreamResolver(): disposed, it opens no socket for what is asked next', async t => {
  // Without IPv6 the AAAA is asked when the A has failed.
  const { upstream, resolver } = await upstreamRig(t, () => undefined, { hasIpv6: () => false })
  const existence = upstream.exists(www)
  await resolver.questions(1)
  await upstream[Symbol.asyncDispose]()
  t.match(await existence, { outcome: 'failed' })
  t.match(await upstream.find(hostname('late.test'), a), { failure: 'UPSTREAM_UNREACHABLE' })
  // A socket that is closed is gone some turns later.
  for (let turn = 0; turn < 10 && sockets() > 1; turn += 1) await new Promise(resolve => setImmediate(resolve))
  t.equal(sockets(), 1, 'but the one of the resolver that was asked')
})

function sockets(): number {
  return process.getActiveResourcesInfo().filter(name => name === 'UDPWrap').length
}

import t from 'tap'
import { hostname } from './fake-job.ts'
import { reply, ScriptedResolver } from './scripted-resolver.ts'
import { answerOf, upstreamRig, www } from './upstream-rig.ts'

const exists = { outcome: 'exists' }

t.test('exists(): is asked again when no answer comes, and a late answer to the first try counts', async t => {
  let first: Buffer | undefined
  const { upstream, resolver } = await upstreamRig(
    t,
    asked => {
      if (first !== undefined) return [withIdOf(answerOf(asked), first)]
      first = asked.bytes
      return undefined
    },
    { hasIpv6: () => false, patience: { tryMs: 60, tries: 2, deadlineMs: 60_000 } },
  )
  t.match(await upstream.exists(www), exists)
  t.equal(resolver.asked.length, 2)
})

/** An answer under the id of an earlier question: 0xffff would be left alone, so patch after the copy. */
function withIdOf(answer: Buffer | readonly Buffer[] | undefined, question: Buffer): Buffer {
  if (!Buffer.isBuffer(answer)) throw new Error('no answer')
  question.copy(answer, 0, 0, 2)
  return answer
}

t.test('exists(): a resolver that says nothing is a timeout, and a failure is forgotten after a second', async t => {
  const { upstream, skip, resolver } = await upstreamRig(t, () => undefined, {
    hasIpv6: () => false,
    patience: { tryMs: 40, tries: 2, deadlineMs: 200 },
  })
  t.match(await upstream.exists(www), { outcome: 'failed', failure: 'UPSTREAM_TIMEOUT' })
  resolver.script = answerOf
  t.match(upstream.exists(www), { outcome: 'failed', cached: true })
  skip(1_001)
  t.match(await upstream.exists(www), exists)
})

t.test('exists(): a resolver that is not there fails at once', async t => {
  const gone = await ScriptedResolver.open(() => undefined)
  const { address } = gone
  await gone[Symbol.asyncDispose]()
  const { upstream } = await upstreamRig(t, answerOf, {
    servers: [address],
    hasIpv6: () => false,
    patience: { tryMs: 20_000, tries: 3, deadlineMs: 60_000 },
  })
  t.match(await upstream.exists(www), { outcome: 'failed', failure: 'UPSTREAM_UNREACHABLE' })
})

for (const [name, code] of [
  ['SERVFAIL', 2],
  ['REFUSED', 5],
] as const) {
  t.test(`exists(): ${name} of the first resolver, the second is asked at once`, async t => {
    const second = await ScriptedResolver.open(answerOf)
    t.teardown(async () => second[Symbol.asyncDispose]())
    const first = await ScriptedResolver.open(asked => reply(asked, { rcode: code }))
    t.teardown(async () => first[Symbol.asyncDispose]())
    const { upstream } = await upstreamRig(t, answerOf, {
      servers: [first.address, second.address],
      hasIpv6: () => false,
      patience: { tryMs: 20_000, tries: 1, deadlineMs: 60_000 },
    })
    t.match(await upstream.exists(www), exists)
    await upstream.exists(hostname('other.test'))
    t.equal(first.asked.length, 1, 'and is the first to be asked from then on')
  })
  t.test(`exists(): ${name} of all is a failure, not an answer`, async t => {
    const { upstream } = await upstreamRig(t, asked => reply(asked, { rcode: code }))
    t.match(await upstream.exists(www), { outcome: 'failed', failure: 'UPSTREAM_DNS' })
  })
}

t.test('exists(): an answer that UDP cut is asked for over TCP', async t => {
  const { upstream, sent } = await upstreamRig(
    t,
    asked => (asked.transport === 'udp' ? reply(asked, { flags: { tc: 1 } }) : answerOf(asked)),
    { hasIpv6: () => false },
  )
  t.match(await upstream.exists(www), exists)
  t.same(sent(), ['udp www.test 1', 'tcp www.test 1'])
})

t.test('exists(): a server without EDNS is asked without, once and for all', async t => {
  const { upstream, resolver } = await upstreamRig(
    t,
    asked => (asked.bytes[11] === 1 ? reply(asked, { rcode: 1 }).subarray(0, 12) : answerOf(asked)),
    { hasIpv6: () => false },
  )
  t.match(await upstream.exists(www), exists)
  await upstream.exists(hostname('other.test'))
  t.same(
    resolver.asked.map(({ bytes }) => bytes[11]),
    [1, 0, 0],
  )
})

import { once } from 'node:events'
import { constants, type ServerHttp2Stream } from 'node:http2'
import t from 'tap'
import { policyOf } from '../door/fake-job.ts'
import { collect, H2Rig, host, request } from './h2-rig.ts'

t.test('relayHttp2(): N19: a stream without an answer is refused in a sentence, its neighbour goes on', async t => {
  const asked = Promise.withResolvers<void>()
  const held: ServerHttp2Stream[] = []
  await using rig = new H2Rig(stream => {
    held.push(stream)
    if (held.length === 2) asked.resolve()
  })
  const client = await rig.client()
  const denied = collect(client.request(request('GET', '/secret')))
  const allowed = collect(client.request(request('GET', '/open')))
  await asked.promise
  rig.gateway.job.policy = policyOf('block', [host, `deny https://${host}/secret`])
  const seen = await denied
  t.match(seen.head?.join(' '), /:status 403/)
  t.match(seen.body, /reason denied-by-rule/)
  for (const stream of held) if (!stream.destroyed) stream.respond([':status', '204'], { endStream: true })
  t.match((await allowed).head?.join(' '), /:status 204/)
  const lines = (await rig.gateway.job.recorded(2)).toSorted((a, b) => ((a.path ?? '') < (b.path ?? '') ? 1 : -1))
  t.match(lines, [
    { path: '/secret', verdict: 'deny', reason: 'denied-by-rule', error: 'POLICY_CHANGED', status: 403 },
    { path: '/open', verdict: 'allow', error: undefined, status: 204 },
  ])
})

t.test('relayHttp2(): N19: half an answer is reset on both sides', async t => {
  const reset = Promise.withResolvers<number>()
  await using rig = new H2Rig(stream => {
    stream.respond([':status', '200'])
    stream.write('half')
    stream.once('close', () => reset.resolve(stream.rstCode ?? 0))
  })
  const client = await rig.client()
  const stream = client.request(request('GET', '/'))
  const seeing = collect(stream)
  await once(stream, 'data')
  rig.gateway.job.policy = policyOf('block', [])
  const seen = await seeing
  t.equal(seen.body, 'half')
  t.equal(seen.code, constants.NGHTTP2_CANCEL)
  t.equal(await reset.promise, constants.NGHTTP2_CANCEL)
  t.match(await rig.gateway.job.recorded(1), [
    { verdict: 'deny', reason: 'no-rule', rule: 'no rule', error: 'POLICY_CHANGED', bytesReceived: 4 },
  ])
})

t.test('relayHttp2(): N19: an upload that goes on after its answer is cut', async t => {
  const reset = Promise.withResolvers<number>()
  await using rig = new H2Rig(stream => {
    stream.once('data', () => stream.respond([':status', '200'], { endStream: true }))
    stream.resume()
    stream.once('close', () => reset.resolve(stream.rstCode ?? 0))
  })
  const client = await rig.client()
  const stream = client.request(request('POST', '/up'), { endStream: false })
  const seeing = collect(stream)
  stream.write('first')
  await once(stream, 'response')
  if (!stream.destroyed) rig.gateway.job.policy = policyOf('block', [`GET https://${host}`])
  await seeing
  await reset.promise
  t.match(await rig.gateway.job.recorded(1), [
    { verdict: 'deny', reason: 'method', error: 'POLICY_CHANGED', status: 200 },
  ])
})

t.test('relayHttp2(): N19: the next stream of a kept connection is decided by the new policy', async t => {
  await using rig = new H2Rig(stream => stream.respond([':status', '204'], { endStream: true }))
  const client = await rig.client()
  t.match((await collect(client.request(request('GET', '/')))).head?.join(' '), /204/)
  rig.gateway.job.policy = policyOf('block', [])
  t.match((await collect(client.request(request('GET', '/')))).head?.join(' '), /403/)
  t.match(await rig.gateway.job.recorded(2), [{ verdict: 'allow' }, { verdict: 'deny', error: undefined }])
})

t.test('relayHttp2(): a closed connection looks at no policy any more', async t => {
  await using rig = new H2Rig(stream => stream.respond([':status', '204'], { endStream: true }))
  const client = await rig.client()
  await collect(client.request(request('GET', '/')))
  t.equal(rig.gateway.job.looking, 1)
  client.destroy()
  await rig.gateway.settled()
  t.equal(rig.gateway.job.looking, 0)
})

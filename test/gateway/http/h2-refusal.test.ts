import { once } from 'node:events'
import { constants, type ServerHttp2Stream } from 'node:http2'
import t from 'tap'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'
import { collect, H2Rig, host, request } from './h2-rig.ts'

const ok = [':status', '200']
const answer = (stream: ServerHttp2Stream): void => stream.respond([...ok], { endStream: true })
const get = { endStream: true }

t.test('relayHttp2(): every stream is decided with its own :authority (T2, T3)', async t => {
  await using rig = new H2Rig(answer, [host, 'b.example.com'])
  const client = await rig.client()
  const elsewhere = [':method', 'GET', ':scheme', 'https', ':authority', 'b.example.com', ':path', '/']
  const asked = [request('GET', '/1'), elsewhere, request('GET', '/2')]
  const seen = await Promise.all(asked.map(head => collect(client.request(head, get))))
  t.strictSame(
    seen.map(one => one.head?.[1]),
    ['200', '421', '200'],
  )
  const refused = rig.gateway.job.events.filter(event => event.verdict === 'deny')
  t.match(refused, [{ layer: 'http', protocol: 'h2', reason: 'host-mismatch', status: 421 }])
})

const ambiguous: readonly [string, string[]][] = [
  ['Host against :authority', request('GET', '/', 'host', 'b.example.com')],
  ['a scheme that is not the connection’s', [':method', 'GET', ':scheme', 'http', ':authority', host, ':path', '/']],
]
for (const [what, head] of ambiguous) {
  t.test(`relayHttp2(): ${what} is 400 (T3)`, async t => {
    await using rig = new H2Rig(answer, [host, 'b.example.com'])
    const seen = await collect((await rig.client()).request(head, get))
    t.equal(seen.head?.[1], '400')
    t.match(await rig.gateway.job.recorded(1), [{ verdict: 'deny', reason: 'malformed' }])
  })
}

t.test('relayHttp2(): in audit, Host against :authority is carried, unless either is forbidden (T3)', async t => {
  await using rig = new H2Rig(answer, [host, 'forbid evil.test'], 'audit')
  const client = await rig.client()
  t.equal((await collect(client.request(request('GET', '/', 'host', 'b.example.com'), get))).head?.[1], '200')
  t.equal((await collect(client.request(request('GET', '/', 'host', 'evil.test'), get))).head?.[1], '403')
  t.match(await rig.gateway.job.recorded(2), [
    { verdict: 'observe', reason: 'malformed' },
    { verdict: 'deny', reason: 'forbidden' },
  ])
})

for (const [mode, verdict] of [
  ['block', 'deny'],
  ['audit', 'observe'],
] as const) {
  t.test(`relayHttp2(): another host in :authority is told as such in ${mode}, whatever Host says (T3)`, async t => {
    await using rig = new H2Rig(answer, [host], mode)
    const fields = [':method', 'GET', ':scheme', 'https', ':authority', 'b.example.com', ':path', '/', 'host', host]
    await collect((await rig.client()).request(fields, get))
    t.match(await rig.gateway.job.recorded(1), [{ verdict, reason: 'host-mismatch' }])
  })
}

for (const mode of ['block', 'audit'] as const) {
  t.test(`relayHttp2(): CONNECT is refused in ${mode} mode (T8)`, async t => {
    await using rig = new H2Rig(answer, [host], mode)
    const stream = (await rig.client()).request([':method', 'CONNECT', ':authority', `${host}:443`], {
      endStream: false,
    })
    const seen = await collect(stream)
    t.ok(['403', '400'].includes(seen.head?.[1] ?? ''))
    t.match(await rig.gateway.job.recorded(1), [{ verdict: 'deny', method: 'CONNECT' }])
    t.equal(rig.sessions, 1, 'only the contact that learned the protocol')
  })
}

t.test('relayHttp2(): extended CONNECT is not offered (T9)', async t => {
  await using rig = new H2Rig(answer)
  const client = await rig.client()
  if (client.remoteSettings.enableConnectProtocol === undefined) await once(client, 'remoteSettings')
  t.equal(client.remoteSettings.enableConnectProtocol, false)
})

t.test('relayHttp2(): a refused method is a sentence, and for gRPC a status its client understands', async t => {
  await using rig = new H2Rig(answer, [`GET https://${host}/**`])
  const client = await rig.client()
  const plain = await collect(client.request(request('POST', '/x'), get))
  t.equal(plain.head?.[1], '403')
  t.match(plain.body, /tidegate: denied POST/)
  const call = await collect(client.request(request('POST', '/x', 'content-type', 'application/grpc'), get))
  const fields = call.head ?? []
  t.strictSame(fields.slice(0, 6), [...ok, 'content-type', 'application/grpc', 'grpc-status', '7'])
  t.match(decodeURIComponent(fields[fields.indexOf('grpc-message') + 1] ?? ''), /tidegate: denied POST/)
  t.equal(call.body, '')
})

t.test('relayHttp2(): a refused upload is answered, and told to stop', async t => {
  await using rig = new H2Rig(answer, [`GET https://${host}/**`])
  const stream = (await rig.client()).request(request('POST', '/x'), { endStream: false })
  stream.write(Buffer.alloc(100_000))
  const seen = await collect(stream)
  t.equal(seen.head?.[1], '403')
  t.equal(seen.code, constants.NGHTTP2_NO_ERROR)
})

t.test('relayHttp2(): DNS over HTTPS is refused on an allowed host (D2)', async t => {
  await using rig = new H2Rig(answer)
  const client = await rig.client()
  const query = '/dns-query?dns=AAABAAABAAAAAAAAB2V4YW1wbGUDY29tAAABAAE'
  t.equal((await collect(client.request(request('GET', query), get))).head?.[1], '403')
  const head = request('POST', '/anything', 'content-type', 'application/dns-message')
  t.equal((await collect(client.request(head, get))).head?.[1], '403')
  t.equal((await rig.gateway.job.recorded(2)).filter(event => event.reason === 'protocol').length, 2)
})

t.test('relayHttp2(): an answer that turns out to be a DNS message is refused, and observed in audit (D2)', async t => {
  const resolver = (stream: ServerHttp2Stream): void => {
    stream.respond([...ok, 'content-type', 'application/dns-json'], { endStream: false })
    stream.end('{}')
  }
  for (const [mode, rules, status, reason] of [
    ['block', [host], '403', 'protocol'],
    ['audit', [host], '200', 'protocol'],
    ['block', [`https://${host}/lookup`], '200', 'rule'],
  ] as const) {
    await using rig = new H2Rig(resolver, rules, mode)
    const seen = await collect((await rig.client()).request(request('GET', '/lookup'), get))
    t.equal(seen.head?.[1], status)
    t.equal(seen.body === '{}', status === '200')
    t.match(await rig.gateway.job.recorded(1), [{ reason, status: Number(status) }])
  }
})

t.test('relayHttp2(): a body over the rule’s bound is cut off, announced or not', async t => {
  let received = 0
  await using rig = new H2Rig(stream => stream.on('data', (chunk: Buffer) => (received += chunk.length)))
  rig.gateway.job.policy = parsePolicy(
    `version: 1\nmode: block\nallow:\n  - { to: "https://${host}", maxRequestBytes: 1000 }\n`,
    'policy.yaml',
    () => undefined,
  )
  const client = await rig.client()
  const announced = client.request(request('POST', '/', 'content-length', '2000'), { endStream: false })
  t.equal((await collect(announced)).head?.[1], '413')
  const silent = client.request(request('POST', '/'), { endStream: false })
  silent.write(Buffer.alloc(900))
  silent.write(Buffer.alloc(900))
  t.equal((await collect(silent)).head?.[1], '413')
  t.ok(received <= 1000, `${received} bytes reached the origin`)
  const line = { verdict: 'deny', reason: 'too-large', status: 413 }
  t.match(await rig.gateway.job.recorded(2), [line, line])
})

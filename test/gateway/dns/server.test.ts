import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { openDnsServer } from '../../../gateway/dns/server.ts'
import { openUpstreamResolver } from '../../../gateway/dns/upstream.ts'
import { askTcp, askUdp, query, read } from './client.ts'
import { address, FakeJob, policy, processNamed } from './fake-job.ts'
import { reply } from './scripted-resolver.ts'
import { rig, rules } from './server-rig.ts'

const a = 1
const txt = 16
const srv = 33
const aaaa = 28

t.test('openDnsServer(): an allowed name gets its virtual address, and one line says so', async t => {
  const { ask, job } = await rig(t)
  job.process = processNamed('/usr/bin/npm')
  t.match(await ask('npm.test'), { rcode: 0, answers: [{ type: a, address: '198.18.0.1', ttl: 60 }], errors: 0 })
  t.match(job.events, [
    {
      layer: 'dns',
      host: 'npm.test',
      qtype: 'A',
      rcode: 'NOERROR',
      verdict: 'allow',
      rule: 'allow[0] npm.test',
      process: { exe: '/usr/bin/npm' },
    },
  ])
  const known = job.names.lookup(address('198.18.0.1'))
  t.match(known, { host: 'npm.test', flow: job.events[0]?.flow }, 'connections inherit the flow of the answer')
})

t.test('openDnsServer(): real addresses never reach the job', async t => {
  const { server, job } = await rig(t)
  for (const type of [a, aaaa, 65, 64, 255]) {
    const bytes = await askUdp(server, query('npm.test', type, { edns: {} }))
    t.notOk(
      bytes.includes(Buffer.from([192, 0, 2, 1])) || bytes.includes(Buffer.from([0x20, 0x01, 0x0d, 0xb8])),
      `type ${type}`,
    )
  }
  t.ok(job.events.every(({ verdict }) => verdict === 'allow'))
})

t.test('openDnsServer(): a name with IPv6 only gets a virtual address', async t => {
  const { ask } = await rig(t)
  t.match(await ask('six.test'), { rcode: 0, answers: [{ address: '198.18.0.1' }] })
  t.match(await ask('six.test', aaaa), { rcode: 0, answers: [], soaTtl: 60 })
})

t.test('openDnsServer(): a name that does not exist does not exist', async t => {
  const { ask, job } = await rig(t)
  t.match(await ask('none.test'), { rcode: 3, answers: [], soaTtl: 30 })
  t.match(await ask('none.test', aaaa), { rcode: 3 })
  t.match(job.events, [
    { verdict: 'allow', rcode: 'NXDOMAIN' },
    { verdict: 'allow', rcode: 'NXDOMAIN' },
  ])
})

t.test("openDnsServer(): where a private name leads is the dial's to judge", async t => {
  const { ask } = await rig(t)
  t.match(await ask('inside.test'), { rcode: 0, answers: [{ address: '198.18.0.1' }] })
})

t.test('openDnsServer(): a denied name is answered here and never asked outside (D4)', async t => {
  const { ask, resolver, job } = await rig(t)
  t.match(await ask('c2VjcmV0.evil.test', a, {}), { rcode: 3, soaTtl: 10, error: { code: 15, text: /no-rule/ } })
  t.match(await ask('c2VjcmV0.evil.test', txt, {}), { rcode: 3 })
  t.match(await ask('x.webhook.test', a, {}), { rcode: 3, error: { text: /forbid\[0\]/ } })
  await ask('npm.test')
  await resolver.questions(2)
  t.same(new Set(resolver.asked.map(({ name }) => name)), new Set(['npm.test']))
  t.same(
    job.events.map(({ reason }) => reason),
    ['no-rule', 'no-rule', 'forbidden', 'rule'],
  )
})

t.test('openDnsServer(): in audit an unknown name is answered and observed, a forbidden one is refused', async t => {
  const { ask, resolver, job } = await rig(t, {
    inForce: policy('audit', rules),
    script: asked => reply(asked, { answers: asked.type === a ? [{ type: a, address: '192.0.2.9' }] : [] }),
  })
  t.match(await ask('evil.test'), { rcode: 0, answers: [{ address: '198.18.0.1' }] })
  t.match(await ask('x.webhook.test'), { rcode: 3 })
  t.match(job.events, [
    { verdict: 'observe', reason: 'no-rule' },
    { verdict: 'deny', reason: 'forbidden' },
  ])
  await resolver.questions(2)
  t.notOk(resolver.asked.some(({ name }) => name.endsWith('webhook.test')))
})

t.test('openDnsServer(): in audit other records are passed on, with the id and case of the client', async t => {
  const { server, job, resolver } = await rig(t, {
    inForce: policy('audit', rules),
    script: asked =>
      reply(asked, {
        answers: [{ type: txt, data: 'v=spf1 -all', ttl: 120 }],
        additionals: [{ type: a, address: '192.0.2.1' }],
      }),
  })
  const bytes = await askUdp(server, query('Npm.TEST', txt, { id: 7, edns: {} }))
  t.match(read(bytes), { id: 7, question: 'Npm.TEST', answers: [{ type: txt, ttl: 120 }], errors: 0 })
  t.ok(bytes.includes('v=spf1 -all'))
  t.notOk(bytes.includes(Buffer.from([192, 0, 2, 1])), 'no address comes along')
  t.equal(resolver.asked[0]?.name, 'npm.test', 'asked in our words')
  t.match(job.events, [{ verdict: 'observe', reason: 'dns-type', qtype: 'TXT' }])
})

t.test('openDnsServer(): records too large for the client are cut whole, and come over TCP', async t => {
  const answers = Array.from({ length: 8 }, (_, index) => ({ type: txt, data: `${index}`.repeat(200) }))
  const { server, ask } = await rig(t, { inForce: policy('audit', rules), script: asked => reply(asked, { answers }) })
  t.match(await ask('npm.test', txt), { truncated: true, answers: [] })
  t.match(await ask('npm.test', txt, { size: 1_232 }), { truncated: true, answers: [] })
  const [whole] = await askTcp(server, [query('npm.test', txt)])
  t.match(whole && read(whole), { truncated: false, errors: 0, answers: { length: 8 } })
})

t.test('openDnsServer(): SRV of a service that a rule names is passed on', async t => {
  const { ask } = await rig(t, {
    inForce: policy('block', 'allow: ["tcp://_db._tcp.acme.test:27017"]'),
    script: asked =>
      reply(asked, { answers: [{ type: srv, priority: 0, weight: 0, port: 27_017, target: 'db1.acme.test' }] }),
  })
  t.match(await ask('_db._tcp.acme.test', srv), { rcode: 0, answers: [{ type: srv }], errors: 0 })
  t.match(await ask('db1.acme.test'), { rcode: 3 }, 'its target gains nothing (D9)')
})

t.test('openDnsServer(): a resolver that fails is SERVFAIL, and says so', async t => {
  const { ask, job } = await rig(t, { script: asked => reply(asked, { rcode: 2 }) })
  t.match(await ask('npm.test', a, {}), { rcode: 2, error: { code: 22, text: /UPSTREAM_DNS/ } })
  t.match(job.events, [{ verdict: 'allow', rcode: 'SERVFAIL', error: 'UPSTREAM_DNS' }])
})

t.test('openDnsServer(): an address outside the wire is refused', async t => {
  const { server } = await rig(t, { job: () => undefined })
  t.match(read(await askUdp(server, query('npm.test', a))), { rcode: 5 })
})

t.test('openDnsServer(): a port in use is PORT_IN_USE', async t => {
  const { server } = await rig(t)
  const again = openUpstreamResolver({ servers: [{ address: '127.0.0.1', port: 9 }] })
  t.teardown(async () => again[Symbol.asyncDispose]())
  const job = new FakeJob(policy('block', rules))
  const bind = { address: '127.0.0.1', port: server.port }
  await t.rejects(openDnsServer({ job, bind, upstream: again }, AbortSignal.timeout(5_000)), { code: 'PORT_IN_USE' })
  const udp = createSocket('udp4').bind(0, '127.0.0.1')
  await once(udp, 'listening')
  t.teardown(() => udp.close())
  const taken = { address: '127.0.0.1', port: udp.address().port }
  await t.rejects(openDnsServer({ job, bind: taken, upstream: again }, AbortSignal.timeout(5_000)), {
    code: 'PORT_IN_USE',
  })
})

t.test('openDnsServer(): disposed, its port is free and what waited is written', async t => {
  const { server, job, resolver } = await rig(t, { script: () => undefined })
  const socket = createSocket('udp4')
  t.teardown(() => socket.close())
  socket.send(query('slow.test', a), server.port, '127.0.0.1')
  await resolver.questions(1)
  await server[Symbol.asyncDispose]()
  t.match(job.events, [{ host: 'slow.test', verdict: 'allow', error: 'CLIENT_ABORTED' }])
  t.equal(job.events[0]?.rcode, undefined, 'nothing was answered')
  const again = createSocket('udp4').bind(server.port, '127.0.0.1')
  t.teardown(() => again.close())
  await once(again, 'listening')
})

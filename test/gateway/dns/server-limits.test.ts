import t from 'tap'
import { askUdp, query, queryOfLabels, read } from './client.ts'
import { address, policy, processNamed } from './fake-job.ts'
import { reply, type Script } from './scripted-resolver.ts'
import { rig, rules } from './server-rig.ts'

const a = 1
const txt = 16

t.test('openDnsServer(): out of virtual addresses, new names fail and old ones go on', async t => {
  const { ask, job } = await rig(t, { limit: 1 })
  t.match(await ask('npm.test'), { rcode: 0 })
  t.match(await ask('six.test', a, {}), { rcode: 2, error: { text: /LIMIT_REACHED/ } })
  t.match(await ask('NPM.test'), { rcode: 0 })
  t.match(job.events[1], { host: 'six.test', rcode: 'SERVFAIL', error: 'LIMIT_REACHED' })
})

t.test('openDnsServer(): a tunnel under a wildcard is stopped, in block (D5)', async t => {
  const script: Script = asked => reply(asked, { answers: asked.type === a ? [{ type: a, address: '192.0.2.1' }] : [] })
  const { ask, resolver, job } = await rig(t, { script })
  for (let index = 0; index < 200; index++) await ask(`n${index}.wild.test`)
  t.equal(new Set(resolver.asked.map(({ name }) => name)).size, 149)
  t.equal(job.events.filter(({ reason }) => reason === 'dns-budget').length, 51)
  t.match(
    job.events.find(({ event }) => event === 'dns-budget'),
    { verdict: 'allow', details: { domain: 'wild.test', names: 50 } },
  )
  t.match(await ask('n3.wild.test'), { rcode: 0 }, 'a name from before still works')
  t.match(await ask(`${'x'.repeat(40)}.wild.test`), { rcode: 3 })
})

t.test('openDnsServer(): a tunnel under a wildcard is seen, in audit (D5)', async t => {
  const { ask, resolver, job } = await rig(t, { inForce: policy('audit', rules) })
  for (let index = 0; index < 160; index++) await ask(`n${index}.wild.test`)
  t.equal(new Set(resolver.asked.map(({ name }) => name)).size, 160)
  t.match(job.events.at(-1), { verdict: 'observe', reason: 'dns-budget', rcode: 'NXDOMAIN' })
})

t.test('openDnsServer(): refused names that look like data raise an alert (D4)', async t => {
  const { ask, job } = await rig(t)
  for (let index = 0; index < 60; index++) await ask(`n${index}.evil.test`)
  const alerts = job.events.filter(({ event }) => event !== undefined)
  t.match(alerts, [{ event: 'exfiltration-attempt', verdict: 'deny', details: { domain: 'evil.test', names: 50 } }])
})

t.test('openDnsServer(): the same question again is answered and counted, not written', async t => {
  const { ask, job, server } = await rig(t)
  for (let index = 0; index < 50; index++) await ask('evil.test')
  t.equal(job.events.length, 1)
  await server[Symbol.asyncDispose]()
  t.equal(
    job.events.reduce((sum, event) => sum + (event.packets ?? 1), 0),
    50,
  )
})

t.test('openDnsServer(): the same question from another process is another line', async t => {
  const { ask, job } = await rig(t)
  for (const pid of [1, 2, 3]) {
    job.process = processNamed(`/p${pid}`, pid)
    await ask('evil.test')
  }
  t.same(
    job.events.map(event => event.process?.pid),
    [1, 2, 3],
  )
})

t.test('openDnsServer(): another policy in force decides the next question', async t => {
  const { ask, job } = await rig(t)
  t.match(await ask('npm.test'), { rcode: 0 })
  job.policy = policy('block', 'allow: [other.test]')
  t.match(await ask('npm.test'), { rcode: 3 })
})

t.test('openDnsServer(): when the record fails, nothing new is answered; when it works again, it is', async t => {
  const { ask, job } = await rig(t)
  t.match(await ask('npm.test'), { rcode: 0 })
  job.recordFailed = true
  t.match(await ask('npm.test'), { rcode: 2 })
  t.match(job.events.at(-1), { verdict: 'deny', reason: 'log-failure' })
  job.recordFailed = false
  t.match(await ask('npm.test'), { rcode: 0 })
})

t.test('openDnsServer(): more new questions than any build asks are refused, and counted on one line', async t => {
  const { ask, job, server } = await rig(t, { questions: { reserve: 10, perSecond: 0.001 } })
  for (let index = 0; index < 30; index++)
    t.match(await ask(`n${index}.evil.test`, a, {}), { rcode: index < 10 ? 3 : 2 })
  await server[Symbol.asyncDispose]()
  t.equal(job.events.length, 12)
  t.match(job.events.at(-1), { reason: 'dns-budget', error: 'LIMIT_REACHED', packets: 19 })
})

t.test('openDnsServer(): garbage is answered or left alone, and counted', async t => {
  const { server, job } = await rig(t)
  t.match(read(await askUdp(server, query('npm.test', a, { opcode: 2 }))), { rcode: 4 })
  t.match(read(await askUdp(server, query('version.bind', txt, { class: 3 }))), { rcode: 5 })
  t.match(read(await askUdp(server, query('npm.test', a, { edns: { version: 9 } }))), { rcode: 16 })
  t.match(read(await askUdp(server, queryOfLabels([Buffer.from('a\0b'), Buffer.from('test')], a))), { rcode: 3 })
  t.same(
    job.events.map(({ reason }) => reason),
    ['malformed', 'malformed', 'malformed', 'malformed'],
  )
  t.equal(job.events[3]?.host, 'a\\000b.test')
})

t.test('openDnsServer(): tells where each answer came from', async t => {
  const sources: string[] = []
  const { ask } = await rig(t, { onAnswer: source => sources.push(source) })
  for (const name of ['npm.test', 'NPM.test', 'evil.test', 'evil.test']) await ask(name)
  t.same(sources, ['upstream', 'cache', 'local', 'local'])
})

t.test('openDnsServer(): N19: a question that waits while the policy changes is answered by the new one', async t => {
  const { ask, job, resolver } = await rig(t)
  const { script } = resolver
  resolver.script = asked => {
    job.policy = policy('block', 'allow: [other.test]')
    return script(asked)
  }
  t.match(await ask('npm.test'), { rcode: 3 })
  t.ok(resolver.asked.length > 0, 'it was under way')
  t.match(job.events, [{ host: 'npm.test', verdict: 'deny', reason: 'no-rule', rcode: 'NXDOMAIN' }])
  t.equal(job.names.lookup(address('198.18.0.1')), undefined, 'no address was given out')
})

t.test(
  'openDnsServer(): more questions than one of many jobs may ask are refused, repeats too, and counted',
  async t => {
    const { ask, job, server } = await rig(t, { questions: { all: { perSecond: 0.001, burst: 3 } } })
    for (let index = 0; index < 10; index++)
      t.match(await ask('npm.test', a, {}), index < 3 ? { rcode: 0 } : { rcode: 2, error: { text: /JOB_LIMIT/ } })
    await server[Symbol.asyncDispose]()
    const refused = job.events.filter(({ error }) => error === 'JOB_LIMIT')
    t.equal(
      refused.reduce((sum, { packets = 1 }) => sum + packets, 0),
      7,
    )
    t.match(refused[0], { layer: 'dns', verdict: 'deny', reason: 'dns-budget' })
  },
)

import t from 'tap'
import { Watcher } from '../insight/watcher.ts'
import { policy } from './fake-job.ts'
import { rig, rules } from './server-rig.ts'

const said = { reason: 'denied-by-rule', rule: 'watched[0]' }

t.test('openDnsServer(): a question that is objected to does not exist, and is not asked outside', async t => {
  const { ask, job, resolver } = await rig(t)
  job.insight = new Watcher('question npm.test')
  t.match(await ask('npm.test'), { rcode: 3, answers: [] })
  t.match(await ask('six.test'), { rcode: 0 }, 'another is answered')
  t.match(job.events, [
    { host: 'npm.test', rcode: 'NXDOMAIN', verdict: 'deny', ...said },
    { host: 'six.test', verdict: 'allow' },
  ])
  t.notOk(resolver.asked.some(question => JSON.stringify(question).includes('npm.test')))
})

t.test('openDnsServer(): in audit it is answered, and observed', async t => {
  const { ask, job } = await rig(t, { inForce: policy('audit', rules) })
  job.insight = new Watcher('question npm.test')
  t.match(await ask('npm.test'), { rcode: 0, answers: [{ address: '198.18.0.1' }] })
  t.match(job.events, [{ host: 'npm.test', rcode: 'NOERROR', verdict: 'observe', ...said }])
})

t.test('openDnsServer(): a question that the rules deny is shown, once a second', async t => {
  const { ask, job } = await rig(t)
  const watcher = new Watcher('question')
  job.insight = watcher
  t.match(await ask('c2VjcmV0.evil.test', 16), { rcode: 3 })
  await ask('c2VjcmV0.evil.test', 16)
  t.strictSame(
    watcher.calls.filter(call => call.startsWith('question')),
    ['question c2vjcmv0.evil.test 16 deny'],
  )
  t.match(job.events, [{ verdict: 'deny', reason: 'no-rule' }], 'the rules have the first word')
})

t.test('openDnsServer(): who asked is told when it is known, and after the question', async t => {
  const { ask, job } = await rig(t)
  const watcher = new Watcher('question npm.test')
  job.insight = watcher
  job.process = { pid: 7, exe: '/usr/bin/curl', command: 'curl', uid: 0, parents: [] }
  await ask('npm.test')
  t.strictSame(watcher.calls, ['question npm.test 1 allow', 'asker npm.test /usr/bin/curl'])
})

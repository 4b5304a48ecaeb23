import t from 'tap'
import { attachReply, controlRequest, refusal } from '../../../gateway/control/protocol.ts'

const plan = {
  id: '0a1b',
  device: 'tg0a1b',
  gatewayPid: 1,
  gatewayAddress: '198.19.0.1',
  jobAddress: '198.19.0.2',
  prefixLength: 30,
  gatewayMac: '02:00:0a:0b:0c:0d',
  jobMac: '02:01:0a:0b:0c:0d',
  jobDevice: 'eth0',
  probeKey: '1'.repeat(32),
  mode: 'block',
}

const requests: readonly (readonly [sentence: string, request: unknown, isTaken: boolean])[] = [
  ['attach', { op: 'attach', job: 'build' }, true],
  [
    'attach with all',
    {
      op: 'attach',
      job: 'a.b_c-9',
      policy: 'nightly',
      netns: 'net:[4026532777]',
      container: 'f'.repeat(64),
      waitMs: 1,
    },
    true,
  ],
  ['a job that is a path', { op: 'attach', job: '../etc' }, false],
  ['a job that is hidden', { op: 'attach', job: '.x' }, false],
  ['a job without a name', { op: 'attach', job: '' }, false],
  ['a job with a line feed', { op: 'attach', job: 'a\n' }, false],
  ['a long job', { op: 'attach', job: 'a'.repeat(65) }, false],
  ['a policy that is a path', { op: 'attach', job: 'a', policy: 'a/b' }, false],
  ['a namespace that is none', { op: 'attach', job: 'a', netns: '/proc/1/ns/net' }, false],
  ['a wait without end', { op: 'attach', job: 'a', waitMs: 600_001 }, false],
  ['an unknown key', { op: 'attach', job: 'a', pollicy: 'b' }, false],
  ['proved', { op: 'proved', job: 'a', checks: ['x'] }, true],
  ['proved of nothing', { op: 'proved', job: 'a', checks: [] }, false],
  ['detach', { op: 'detach', job: 'a' }, true],
  ['status', { op: 'status' }, true],
  ['something else', { op: 'stop' }, false],
  ['no object', 'attach', false],
]
for (const [sentence, request, isTaken] of requests) {
  t.test(`controlRequest: ${sentence}`, async t => {
    t.equal(controlRequest.safeParse(request).success, isTaken)
  })
}

// What is in a plan becomes commands of ip: nothing but what it says may come out of it.
const plans: readonly (readonly [sentence: string, change: Readonly<Record<string, unknown>>])[] = [
  ['a device of another kind', { device: 'eth0' }],
  ['a device that goes on', { device: 'tg0a1b type dummy' }],
  ['a hardware address that goes on', { jobMac: '02:01:0a:0b:0c:0d netns 1' }],
  ['an address that goes on', { gatewayAddress: '198.19.0.1\nlink delete dev lo' }],
  ['an address of the other family', { jobAddress: '2001:db8::1' }],
  ['another interface', { jobDevice: 'lo' }],
  ['a process that is none', { gatewayPid: 0 }],
  ['a key that is none', { probeKey: 'x' }],
]
t.test('attachReply: a plan, and none that could say more to ip', async t => {
  t.ok(attachReply.safeParse({ ok: true, plan }).success)
  t.ok(attachReply.safeParse({ ok: true, plan, runDirectory: '/run/tidegate/jobs/a', later: 1 }).success)
  for (const [sentence, change] of plans)
    t.notOk(attachReply.safeParse({ ok: true, plan: { ...plan, ...change } }).success, sentence)
})

t.test('refusal: a code and a sentence', async t => {
  t.ok(refusal.safeParse({ ok: false, code: 'JOB_EXISTS', error: 'it is here' }).success)
  t.notOk(refusal.safeParse({ ok: false, code: 'job exists', error: 'x' }).success)
  t.notOk(refusal.safeParse({ ok: false, code: 'JOB_EXISTS', error: '' }).success)
})

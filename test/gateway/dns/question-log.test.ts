import t from 'tap'
import { QuestionLog, questionLimits, type Facts, type Window } from '../../../gateway/dns/question-log.ts'
import type { Step } from '../../../gateway/dns/step.ts'
import type { ProcessInfo } from '../../../gateway/record/event.ts'
import { FakeClock, FakeJob, policy, processNamed } from './fake-job.ts'

const step: Step = {
  judgement: { verdict: 'deny', reason: 'no-rule', rule: null },
  action: { do: 'reply', rcode: 3, answer: { kind: 'negative' } },
  counts: true,
}
const facts: Facts = { host: 'evil.test', qtype: 'A', rcode: 'NXDOMAIN', verdict: 'deny', reason: 'no-rule' }

function open(limits = questionLimits) {
  const clock = new FakeClock()
  const job = new FakeJob(policy('block', ''), clock.now)
  const log = new QuestionLog(job, clock.now, limits)
  const ask = (window: Window, process?: ProcessInfo, more: Partial<Facts> = {}) =>
    log.record(window, { ...facts, ...more }, process, log.flowOf(window, facts, process) ?? job.newFlowId(), {
      startedAt: clock.ms,
      queryBytes: 30,
      replyBytes: 100,
    })
  return { clock, job, log, ask, window: () => log.window('k', job.policy) ?? log.open('k', job.policy, step) }
}

t.test('QuestionLog: the first question is written at once', async t => {
  const { job, ask, window } = open()
  ask(window(), processNamed('/usr/bin/curl'))
  t.match(job.events, [
    { ...facts, layer: 'dns', flow: 'flow-1', process: { exe: '/usr/bin/curl' }, bytesSent: 30, bytesReceived: 100 },
  ])
})

t.test('QuestionLog: its repeats are one line a second, with their number', async t => {
  const { job, ask, window, log, clock } = open()
  for (let index = 0; index < 1_000; index++) ask(window())
  t.equal(job.events.length, 1)
  log.flush(false)
  t.equal(job.events.length, 1, 'not before the second is over')
  clock.ms += 1_000
  log.flush(false)
  t.equal(job.events.length, 2)
  t.match(job.events[1], {
    packets: 999,
    flow: 'flow-1',
    bytesSent: 999 * 30,
    bytesReceived: 999 * 100,
    durationMs: 1_000,
  })
  ask(window())
  t.equal(job.events.length, 3, 'and the next second begins anew')
  t.match(job.events[2], { flow: 'flow-2' })
})

t.test('QuestionLog: every process has a line of its own', async t => {
  const { job, ask, window, log } = open()
  for (const process of [processNamed('/a', 1), processNamed('/b', 2), processNamed('/a', 1), undefined])
    ask(window(), process)
  t.same(
    job.events.map(event => event.process?.exe),
    ['/a', '/b', undefined],
  )
  log.flush(true)
  t.match(job.events[3], { packets: 1, process: { exe: '/a' } })
})

t.test('QuestionLog: another answer has a line of its own', async t => {
  const { job, ask, window } = open()
  ask(window())
  ask(window(), undefined, { rcode: 'SERVFAIL', error: 'UPSTREAM_TIMEOUT' })
  t.equal(job.events.length, 2)
})

t.test('QuestionLog: a finding is always written, and is not repeated by what is counted', async t => {
  const { job, ask, window, log } = open()
  const found = { event: 'exfiltration-attempt', details: { domain: 'evil.test', names: 50 } } as const
  ask(window())
  ask(window(), undefined, found)
  ask(window())
  log.flush(true)
  t.same(
    job.events.map(({ event, packets }) => [event, packets]),
    [
      [undefined, undefined],
      ['exfiltration-attempt', undefined],
      [undefined, 1],
    ],
  )
})

t.test('QuestionLog: another policy in force opens a new window, and nothing counted is lost', async t => {
  const { job, ask, window } = open()
  ask(window())
  ask(window())
  job.policy = policy('audit', '')
  ask(window())
  t.same(
    job.events.map(({ packets }) => packets),
    [undefined, 1, undefined],
  )
})

t.test('QuestionLog: a question that waited past the end of its window is written, not counted', async t => {
  const { job, ask, window, log } = open()
  const first = window()
  ask(first)
  log.flush(true)
  ask(first)
  t.equal(job.events.length, 2)
})

t.test('QuestionLog: a window stays while a question waits', async t => {
  const { window, clock, ask, job, log } = open()
  const first = window()
  first.pending += 1
  clock.ms += 5_000
  t.equal(window(), first)
  log.flush(false)
  first.pending -= 1
  ask(first)
  t.equal(job.events.length, 1)
})

t.test('QuestionLog: new questions are admitted up to the reserve, then so many a second', async t => {
  const { log, clock } = open({ perSecond: 10, reserve: 100, pending: 1 })
  const admitted = (): number => Array.from({ length: 200 }, () => log.admits()).filter(Boolean).length
  t.equal(admitted(), 100)
  clock.ms += 1_000
  t.equal(admitted(), 10)
  clock.ms += 3_600_000
  t.equal(admitted(), 100)
})

import t from 'tap'
import { parseConfig } from '../../../gateway/config/load.ts'
import type { ChosenPolicy, Policies } from '../../../gateway/config/policies.ts'
import { GatewayError } from '../../../gateway/errors.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import type { Refusal, Requester } from '../../../gateway/serve/control-server.ts'
import type { JobToOpen, OpenedJob } from '../../../gateway/serve/opened-job.ts'
import { Registry } from '../../../gateway/serve/registry.ts'
import { policyOf } from '../door/fake-job.ts'

const config = parseConfig(
  'version: 1\nrunDirectory: /run/jobs\njobs: { "*": {}, fixed: { run: /run/fixed } }\nlimits: { jobs: 3 }\n',
  '/x/gateway.yaml',
)
const first = policyOf('block', ['https://a.test'])
const second = policyOf('block', ['https://b.test'])

function policies(policy: Policy, missing = ''): Policies {
  const chosen: ChosenPolicy = { file: '/x/p.yaml', policy }
  return {
    choose: () => chosen,
    again(file) {
      if (file === missing) throw new GatewayError('POLICY_UNKNOWN', 'gone')
      return policy
    },
  }
}

/** A job that does what the test tells it. */
class FakeOpened implements OpenedJob {
  readonly asked: JobToOpen
  readonly plan
  readonly isOver = Promise.withResolvers<GatewayError | undefined>()
  readonly over = this.isOver.promise
  readonly sealed = Promise.withResolvers<void>()
  readonly log: string[] = []
  policy: Policy
  isGone = false
  refusesPolicy = false
  refusesProof = false

  constructor(asked: JobToOpen, number: number) {
    this.asked = asked
    this.policy = asked.policy
    this.plan = Object({ device: `tg000${number}`, jobMac: `02:01:00:00:00:0${number}` })
    this.sealed.resolve()
  }

  async serve(checks: readonly string[]): Promise<void> {
    if (this.refusesProof) throw new GatewayError('NFT_REJECTED', 'no')
    this.log.push(`serves after ${checks.join()}`)
  }

  async prepare(policy: Policy): Promise<() => void> {
    if (this.refusesPolicy) throw new GatewayError('STEERING_UNSUPPORTED', 'no')
    return () => void (this.policy = policy)
  }

  async end(why?: GatewayError): Promise<void> {
    this.log.push(`ends: ${why?.code ?? 'as usual'}`)
    await this.sealed.promise
  }
}

function rig(read: Policies = policies(first)) {
  const opened: FakeOpened[] = []
  const faults: unknown[] = []
  const failing = new Map<string, GatewayError>()
  const registry = new Registry({
    config,
    policies: read,
    open: async asked => {
      const failure = failing.get(asked.request.job)
      if (failure !== undefined) throw failure
      const job = new FakeOpened(asked, opened.length)
      opened.push(job)
      return job
    },
    onEvent: () => undefined,
    onFault: cause => void faults.push(cause),
  })
  const attach = (job: string, from: Requester, more: object = {}) =>
    registry.answer({ op: 'attach', job, ...more }, from)
  const prove = (job: string, from: Requester) => registry.answer({ op: 'proved', job, checks: ['x'] }, from)
  return { registry, opened, faults, failing, attach, prove }
}

function requester() {
  const closing = new AbortController()
  const givenUp: Refusal[] = []
  const from: Requester = { closed: closing.signal, giveUp: why => void givenUp.push(why) }
  return { from, givenUp, close: () => closing.abort() }
}

t.test('Registry: attach, prove, end; the name is free again when the record is sealed', async t => {
  const { registry, opened, attach, prove } = rig()
  const { from, close } = requester()
  t.match(await attach('a', from), { ok: true, runDirectory: '/run/jobs/a', plan: { device: 'tg0000' } })
  t.match(await attach('fixed', from), { ok: true, runDirectory: '/run/fixed' })
  t.match(await attach('a', requester().from), { code: 'JOB_EXISTS' })
  t.strictSame(await prove('a', from), { ok: true })
  t.match(
    await attach('a', requester().from),
    { code: 'JOB_EXISTS', jobMac: '02:01:00:00:00:00' },
    'told to who asks again',
  )
  await t.rejects(prove('a', from), { code: 'JOB_EXISTS' })
  close()
  t.match(
    registry.status(),
    [{ job: 'a', state: 'proved' }],
    'the proved one stays, the other went with its connection',
  )
  const [one] = opened
  if (one !== undefined) one.isGone = true
  t.match(await attach('a', requester().from), { ok: true }, 'waits until the one before is sealed')
  t.strictSame(one?.log, ['serves after x', 'ends: as usual'])
})

t.test('Registry: only the connection that attached may prove', async t => {
  const { attach, prove } = rig()
  const { from } = requester()
  await attach('a', from)
  await t.rejects(prove('a', requester().from), { code: 'JOB_UNKNOWN' })
  await t.rejects(prove('b', from), { code: 'JOB_UNKNOWN' })
})

t.test('Registry: an attach whose connection closes is undone, also while it is being opened', async t => {
  const { registry, opened, attach } = rig()
  const { from, close } = requester()
  const attaching = attach('a', from)
  close()
  await attaching
  await attach('a', requester().from)
  t.strictSame(opened[0]?.log, ['ends: WIRE_NOT_PROVED'])
  t.equal(registry.size, 1)
})

t.test('Registry: what fails before the proof is told to the init, unasked', async t => {
  const { registry, opened, attach } = rig()
  const { from, givenUp } = requester()
  await attach('a', from)
  opened[0]?.isOver.resolve(new GatewayError('SYSCTL_NEEDED', 'lines'))
  await new Promise(resolve => setImmediate(resolve))
  t.match(givenUp, [{ code: 'SYSCTL_NEEDED' }])
  t.equal(registry.size, 0)
})

t.test('Registry: a job that cannot be opened, or not be served, leaves its name free', async t => {
  const { registry, opened, failing, attach, prove } = rig()
  const { from } = requester()
  failing.set('a', new GatewayError('NFT_REJECTED', 'no'))
  await t.rejects(attach('a', from), { code: 'NFT_REJECTED' })
  failing.clear()
  t.match(await attach('a', from), { ok: true })
  if (opened[0] !== undefined) opened[0].refusesProof = true
  await t.rejects(prove('a', from), { code: 'NFT_REJECTED' })
  t.strictSame(opened[0]?.log, ['ends: NFT_REJECTED'])
  t.equal(registry.size, 0)
})

t.test('Registry: one network namespace is one job, and there are no more than the limit', async t => {
  const { attach } = rig()
  const { from } = requester()
  await attach('a', from, { netns: 'net:[7]' })
  await t.rejects(attach('b', from, { netns: 'net:[7]' }), { code: 'JOB_EXISTS', message: /job a/ })
  await attach('b', from, { netns: 'net:[8]' })
  await attach('c', from)
  await t.rejects(attach('d', from), { code: 'LIMIT_REACHED' })
})

t.test('Registry: policies are replaced for all jobs, or for none', async t => {
  const { registry, opened, attach } = rig()
  const { from } = requester()
  for (const job of ['a', 'b']) await attach(job, from)
  await registry.replacePolicies(policies(second))
  t.strictSame(
    opened.map(({ policy }) => policy),
    [second, second],
  )
  if (opened[1] !== undefined) opened[1].refusesPolicy = true
  await t.rejects(registry.replacePolicies(policies(first)), { code: 'STEERING_UNSUPPORTED' })
  t.strictSame(
    opened.map(({ policy }) => policy),
    [second, second],
  )
  await t.rejects(
    registry.replacePolicies(policies(first, '/x/p.yaml')),
    { code: 'POLICY_UNKNOWN' },
    'a file that is gone',
  )
  await attach('c', from)
  t.equal(opened[2]?.policy, second, 'who comes has what is in force')
})

t.test('Registry: stopping ends all, and takes no more', async t => {
  const { registry, opened, attach, prove } = rig()
  const [one, two] = [requester(), requester()]
  await attach('a', one.from)
  await prove('a', one.from)
  await attach('b', two.from)
  await registry.stop()
  t.strictSame(
    opened.map(({ log }) => log.at(-1)),
    ['ends: as usual', 'ends: as usual'],
  )
  t.match(two.givenUp, [{ code: 'GATEWAY_STOPPING' }], 'who waits for a proof is told')
  t.strictSame(one.givenUp, [])
  await t.rejects(attach('c', one.from), { code: 'GATEWAY_STOPPING' })
})

import t from 'tap'
import { emptyLock, type Lock } from '../../../gateway/baseline/lock.ts'
import { mergeRuns } from '../../../gateway/baseline/merge.ts'
import { openBaseline, type Baseline } from '../../../gateway/baseline/open.ts'
import type { SeenRequest } from '../../../gateway/insight/insight.ts'
import type { InsightHost, InsightPart } from '../../../gateway/insight/part.ts'
import { parseHostname } from '../../../gateway/net/hostname.ts'
import { parsePort } from '../../../gateway/net/port.ts'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'
import type { Alarm } from '../../../gateway/record/event.ts'
import { runOn } from './runs.ts'

const known = ['read npm.acme.test:443 /usr/bin/node']
const { lock } = mergeRuns(emptyLock, [runOn(1, known), runOn(2, known), runOn(3, known), runOn(4, known)])

interface Opened {
  readonly part: InsightPart
  readonly alarms: readonly Alarm[]
  readonly warnings: readonly string[]
  readonly notes: readonly unknown[]
}

interface Wanted {
  readonly mode?: 'audit' | 'block'
  readonly anomalies?: 'report' | 'deny'
  readonly lock?: Lock | undefined
  readonly frozen?: boolean
  readonly job?: string
}

async function open({ mode = 'block', anomalies, job = 'build', frozen = false, ...wanted }: Wanted): Promise<Opened> {
  const text = `version: 1\nmode: ${mode}\nallow: ["**"]\n${anomalies === undefined ? '' : `anomalies: ${anomalies}\n`}`
  const policy = parsePolicy(text, 'policy', () => undefined)
  const alarms: Alarm[] = []
  const warnings: string[] = []
  const notes: unknown[] = []
  const host: InsightHost = {
    job,
    policy: () => policy,
    cwd: '/',
    out: '/',
    procRoot: undefined,
    environment: {},
    alarm: alarm => alarms.push(alarm),
    write: event => notes.push(event),
    closeNetwork: () => t.fail('nothing is closed'),
    onWarning: text => warnings.push(text),
  }
  const baseline: Baseline | undefined =
    'lock' in wanted && wanted.lock === undefined
      ? undefined
      : { lock: wanted.lock ?? lock, file: 'egress.lock', frozen }
  return { part: await openBaseline(host, baseline), alarms, warnings, notes }
}

function named<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('not a value')
  return value
}

function request(host: string, facts: Partial<SeenRequest> = {}): SeenRequest {
  return {
    scheme: 'https',
    host: named(parseHostname(host)),
    port: named(parsePort(443)),
    method: 'GET',
    target: '/',
    path: '/',
    fields: { get: () => undefined, entries: () => [] },
    flow: 'f-1',
    process: { pid: 7, exe: '/usr/bin/node', command: 'node', uid: 0, parents: [] },
    verdict: 'allow',
    ...facts,
  }
}

const ask = (name: string) => ({ name, type: 1, verdict: 'allow' }) as const
const asker = (name: string, pid: number) => ({
  name,
  flow: 'f-2',
  process: { pid, exe: '/usr/bin/dig', command: 'dig', uid: 0, parents: [] },
})
const kinds = (alarms: readonly Alarm[]): readonly string[] => alarms.map(({ kind, host }) => `${kind} ${host}`)

t.test('openBaseline(): reports once what is new, and refuses nothing', async t => {
  const { part, alarms, warnings } = await open({ anomalies: 'report' })
  const look = part.insight?.request
  for (const host of ['npm.acme.test', 'new.acme.test', 'new.acme.test'])
    t.equal(look?.(request(host)), undefined, host)
  t.strictSame(kinds(alarms), ['new-host new.acme.test'])
  t.match(alarms[0], { port: 443, flow: 'f-1', process: { pid: 7 }, note: /tidegate lock update/ })
  t.strictSame(warnings, [])
})

t.test('openBaseline(): with anomalies: deny, what is new is objected to each time', async t => {
  const { part, alarms } = await open({ anomalies: 'deny' })
  for (const _ of [1, 2]) {
    t.match(part.insight?.request?.(request('new.acme.test')), {
      objection: { reason: 'denied-by-rule', rule: 'anomalies: deny (new-host new.acme.test)' },
    })
  }
  t.equal(part.insight?.request?.(request('npm.acme.test')), undefined)
  t.match(part.insight?.question?.(ask('other.acme.test')), { rule: 'anomalies: deny (new-host other.acme.test)' })
  t.equal(part.insight?.question?.(ask('npm.acme.test')), undefined)
  for (const pid of [8, 9]) part.insight?.asker?.(asker('other.acme.test', pid))
  t.strictSame(kinds(alarms), ['new-host new.acme.test', 'new-host other.acme.test'])
  t.match(alarms[1], { flow: 'f-2', process: { pid: 8 } }, 'at once, with who asked')
})

t.test('openBaseline(): --frozen refuses whatever the policy says', async t => {
  const { part } = await open({ frozen: true, anomalies: 'report' })
  t.match(part.insight?.request?.(request('npm.acme.test', { method: 'PUT' })), {
    objection: { rule: 'run --frozen (new-upload npm.acme.test)' },
  })
  const connection = {
    transport: 'tls',
    host: named(parseHostname('npm.acme.test')),
    port: named(parsePort(443)),
    flow: 'f',
    process: undefined,
  } as const
  t.match(part.insight?.connection?.(connection), { reason: 'denied-by-rule' }, 'what was read is carried unread')
})

t.test('openBaseline(): a name that is asked for is told with whoever goes there', async t => {
  const { part, alarms } = await open({ anomalies: 'report' })
  part.insight?.question?.(ask('new.acme.test'))
  part.insight?.question?.(ask('nobody-goes.acme.test'))
  part.insight?.asker?.(asker('nobody-goes.acme.test', 8))
  part.insight?.asker?.(asker('npm.acme.test', 8))
  t.strictSame(alarms, [])
  part.insight?.request?.(request('new.acme.test'))
  t.match(alarms, [{ host: 'new.acme.test', process: { pid: 7 } }])
  part.insight?.question?.(ask('new.acme.test'))
  await part[Symbol.asyncDispose]()
  t.strictSame(kinds(alarms), ['new-host new.acme.test', 'new-host nobody-goes.acme.test'], 'at the latest at the end')
  t.match(alarms[1], { process: { pid: 8 } })
})

t.test('openBaseline(): programs that nobody sees are no anomaly, and that they were not compared is said', async t => {
  const blind = await open({ anomalies: 'deny' })
  for (const _ of [1, 2]) blind.part.insight?.request?.(request('npm.acme.test', { process: undefined }))
  await blind.part[Symbol.asyncDispose]()
  t.strictSame(blind.alarms, [])
  t.match(blind.notes, [{ layer: 'job', event: 'checkpoint', details: { note: /without the programs/ } }])
  t.equal(blind.notes.length, 1)
  t.match(blind.warnings, [/without the programs/])

  const some = await open({ anomalies: 'deny' })
  for (const facts of [{ process: undefined }, {}]) some.part.insight?.request?.(request('npm.acme.test', facts))
  await some.part[Symbol.asyncDispose]()
  t.strictSame(some.notes, [], 'where some are seen, one that is not is an exception')

  const nameless = mergeRuns(emptyLock, [runOn(1, ['read npm.acme.test:443'])]).lock
  const { part, notes } = await open({ lock: nameless })
  part.insight?.request?.(request('npm.acme.test', { process: undefined }))
  await part[Symbol.asyncDispose]()
  t.strictSame(notes, [], 'where the baseline knows none there is nothing to compare')
})

t.test('openBaseline(): what the rules refuse is not looked at', async t => {
  const { part, alarms } = await open({ anomalies: 'report' })
  part.insight?.question?.({ ...ask('new.acme.test'), verdict: 'deny' })
  part.insight?.request?.(request('new.acme.test', { verdict: 'deny' }))
  await part[Symbol.asyncDispose]()
  t.strictSame(alarms, [])
})

t.test('openBaseline(): a flood is told in part, and refused whole', async t => {
  const { part, alarms } = await open({ anomalies: 'deny' })
  for (let host = 0; host < 1_000; host += 1)
    if (part.insight?.question?.(ask(`x${host}.example.com`)) === undefined) t.fail(`x${host} passed`)
  t.ok(alarms.length > 100 && alarms.length < 300, `${alarms.length} alarms`)
  t.match(alarms.at(-1)?.note, /more/)
})

t.test('openBaseline(): what cannot be compared fails where it was to be refused, and else warns', async t => {
  for (const wanted of [
    { lock: undefined, anomalies: 'deny' },
    { job: 'other', anomalies: 'deny' },
    { job: 'other', frozen: true },
  ] as const)
    await t.rejects(open(wanted), { code: 'LOCK_INVALID' })
  for (const wanted of [
    { lock: undefined, anomalies: 'report' },
    { lock: undefined, anomalies: 'deny', mode: 'audit' },
    { job: 'other' },
  ] as const) {
    const { part, warnings } = await open(wanted)
    t.equal(warnings.length, 1)
    t.equal(part.insight, undefined)
  }
})

t.test('openBaseline(): says when it refuses by a baseline that is still learning', async t => {
  const young = mergeRuns(emptyLock, [runOn(1, known)]).lock
  t.match((await open({ lock: young, anomalies: 'deny' })).warnings, [/learning/])
  t.strictSame((await open({ lock: young })).warnings, [])
})

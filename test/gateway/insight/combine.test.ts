import t from 'tap'
import { combine } from '../../../gateway/insight/combine.ts'
import type { SeenRequest } from '../../../gateway/insight/insight.ts'
import { isObjection } from '../../../gateway/insight/insight.ts'
import { objected } from '../../../gateway/insight/objected.ts'
import type { Decision } from '../../../gateway/policy/decision.ts'
import { hostname, policyOf, port } from '../door/fake-job.ts'
import { objection, Watcher } from './watcher.ts'

const host = hostname('a.example.com')
const fields = { get: () => undefined, entries: () => [] }
const seen: SeenRequest = {
  scheme: 'https',
  host,
  port: port(443),
  method: 'GET',
  target: '/',
  path: '/',
  fields,
  flow: 'f',
  process: undefined,
  verdict: 'allow',
}

t.test('combine(): nobody is nobody, and one is itself', async t => {
  t.equal(combine([]), undefined)
  const one = new Watcher()
  t.equal(combine([one]), one)
})

t.test('combine(): what nobody looks at is not asked', async t => {
  const only = combine([{ question: () => undefined }, { question: () => undefined }])
  t.strictSame(Object.keys(only ?? {}), ['question'])
  t.equal(combine([{}, { request: () => undefined }])?.request?.(seen), undefined)
})

t.test('combine(): each sees everything, also after another objects; the first objection counts', async t => {
  const objecting = new Watcher('')
  const other = new Watcher()
  const both = combine([other, objecting])
  t.strictSame(both?.question?.({ name: 'a.test', type: 1, verdict: 'allow' }), objection)
  t.strictSame(
    both?.connection?.({ transport: 'tls', host, port: port(443), flow: 'f', process: undefined }),
    objection,
  )
  const look = both?.request?.(seen)
  t.strictSame(look?.objection, objection)
  t.strictSame(look?.sending?.(Buffer.from('a')), objection)
  t.strictSame(look?.answered?.(200, fields), objection)
  t.strictSame(look?.receiving?.(Buffer.from('b')), objection)
  t.strictSame(look?.received?.(), objection)
  t.equal(look?.ended?.(), undefined)
  t.strictSame(other.calls, objecting.calls)
  t.equal(other.calls.length, 8)
})

t.test('combine(): a stream is shown to all who want it', async t => {
  const one = new Watcher()
  const two = new Watcher('tcp says secret')
  const connection = { transport: 'tcp', host, port: port(22), flow: 'f', process: undefined } as const
  const look = combine([one, two, {}])?.stream?.(connection)
  t.equal(look?.sending(Buffer.from('hello')), undefined)
  t.strictSame(look?.sending(Buffer.from('secret')), objection)
  look?.ended?.()
  t.strictSame(one.calls, ['tcp says hello', 'tcp says secret', 'tcp ended'])
  t.strictSame(two.calls, one.calls)
  t.equal(combine([{ stream: () => undefined }, { question: () => undefined }])?.stream?.(connection), undefined)
})

t.test('combine(): facts of all stand in the line, details together', async t => {
  const one = new Watcher()
  const two = new Watcher()
  one.note = { token: 'a1', details: { package: 'x' } }
  two.note = { details: { digest: 'y' } }
  one.whole = { details: { one: 1 } }
  two.end = { details: { two: 2 } }
  const look = combine([one, two])?.request?.(seen)
  t.strictSame(look?.note, { token: 'a1', details: { package: 'x', digest: 'y' } })
  t.strictSame(look?.received?.(), { details: { one: 1 } })
  t.strictSame(look?.ended?.(), { details: { two: 2 } })
})

t.test('isObjection(): facts are none, with whatever verdict', async t => {
  t.ok(isObjection(objection))
  t.notOk(isObjection(undefined))
  t.notOk(isObjection({ token: 'a1' }))
  t.notOk(isObjection({ verdict: 'observe', reason: 'no-rule', rule: 'x' }))
})

const carriage = { inspectTls: false, http: false, passTls: true, raw: false }
const allowed: Decision = { verdict: 'allow', reason: 'rule', rule: 'tls://a.example.com', carriage }
const denied: Decision = { verdict: 'deny', reason: 'no-rule', rule: null }
const connection = { transport: 'tls', host, port: port(443), flow: 'f', process: undefined } as const

t.test('objected(): denies in block, observes in audit, and lets pass nothing that is denied', async t => {
  const insight = new Watcher('connection')
  const [block, audit] = [policyOf('block', []), policyOf('audit', [])]
  t.strictSame(objected({ policy: block }, allowed, connection), allowed, 'nobody looks')
  t.strictSame(objected({ policy: block, insight: new Watcher() }, allowed, connection), allowed, 'nobody objects')
  t.strictSame(objected({ policy: block, insight }, allowed, connection), { verdict: 'deny', ...objection })
  t.strictSame(objected({ policy: audit, insight }, allowed, connection), {
    verdict: 'observe',
    ...objection,
    carriage,
  })
  t.strictSame(objected({ policy: block, insight }, denied, connection), denied)
  t.strictSame(insight.calls.length, 2, 'of what is denied already nobody is asked')
})

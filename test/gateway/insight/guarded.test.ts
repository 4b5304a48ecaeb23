import t from 'tap'
import { guarded } from '../../../gateway/insight/guarded.ts'
import type { RequestLook, SeenRequest, StreamLook } from '../../../gateway/insight/insight.ts'

const fault = { reason: 'denied-by-rule', rule: 'insight: a fault of ours' }
const fail = (): never => {
  throw new Error('cannot read this')
}
const request: Partial<SeenRequest> = { method: 'GET' }

t.test('guarded(): what throws objects to what it looked at, and is told', async t => {
  const told: string[] = []
  const tell = (cause: unknown): void => void told.push(cause instanceof Error ? cause.message : '')
  const all = guarded({ question: fail, connection: fail, request: fail, asker: fail }, tell)
  t.same(all.question?.({ name: 'a.test', type: 1, verdict: 'allow' }), fault)
  t.same(Reflect.apply(all.connection ?? fail, undefined, [{}]), fault)
  t.same(Reflect.apply(all.request ?? fail, undefined, [request]), { objection: fault })
  Reflect.apply(all.asker ?? fail, undefined, [{}])
  t.strictSame(
    told,
    Array.from({ length: 4 }, () => 'cannot read this'),
  )
})

t.test('guarded(): each step of a look, and nothing that is not there', async t => {
  let faults = 0
  const broken: RequestLook = { sending: fail, answered: fail, receiving: fail, received: fail, ended: fail }
  const made = guarded({ request: () => broken }, () => (faults += 1))
  t.equal(made.question, undefined)
  const look: RequestLook = Reflect.apply(made.request ?? fail, undefined, [request])
  const part = Buffer.from('x')
  t.same([look.sending?.(part), look.receiving?.(part), look.received?.()], [fault, fault, fault])
  t.same(look.answered?.(200, { get: () => undefined, entries: () => [] }), fault)
  t.equal(look.ended?.(), undefined)
  t.equal(faults, 5)
  const beside = guarded({ request: () => ({ beside: fail }) }, () => (faults += 1))
  t.same(Reflect.apply(beside.request ?? fail, undefined, [request]).beside(part), fault)
  const stream = guarded({ stream: fail }, () => (faults += 1))
  t.same(Reflect.apply(stream.stream ?? fail, undefined, [{}]).sending(part), fault)
  const later = guarded({ stream: () => ({ sending: fail, ended: fail }) }, () => (faults += 1))
  const carried: StreamLook = Reflect.apply(later.stream ?? fail, undefined, [{}])
  t.same(carried.sending(part), fault)
  t.equal(carried.ended?.(), undefined)
  t.equal(faults, 9)
  const none = guarded({ request: () => undefined }, fail)
  t.equal(Reflect.apply(none.request ?? fail, undefined, [request]), undefined)
})

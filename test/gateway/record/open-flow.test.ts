import t from 'tap'
import type { FlowEvent } from '../../../gateway/record/event.ts'
import { fanOut } from '../../../gateway/record/fan-out.ts'
import { openFlow } from '../../../gateway/record/open-flow.ts'

await t.test('openFlow(): a flow is written once, with what was noted, when it is disposed', async t => {
  const written: FlowEvent[] = []
  let clock = 1_000
  {
    using flow = openFlow(
      { layer: 'http', host: 'a.test' },
      event => written.push(event),
      () => clock,
    )
    flow.note({ status: 200, host: 'b.test' })
    flow.sent += 3
    flow.received += 5
    clock = 1_250
    flow[Symbol.dispose]()
  }
  t.same(written, [
    { layer: 'http', host: 'b.test', status: 200, startedAt: 1_000, durationMs: 250, bytesSent: 3, bytesReceived: 5 },
  ])
})

await t.test('openFlow(): what is noted after it was written changes nothing', async t => {
  const written: FlowEvent[] = []
  const facts = { layer: 'tcp' } as const
  const flow = openFlow(
    facts,
    event => written.push(event),
    () => 0,
  )
  flow[Symbol.dispose]()
  flow.note({ error: 'CLIENT_ABORTED' })
  flow.sent += 1
  t.same(written, [{ layer: 'tcp', startedAt: 0, durationMs: 0, bytesSent: 0, bytesReceived: 0 }])
  t.same(facts, { layer: 'tcp' })
})

await t.test('openFlow(): a flow that fails is written too', async t => {
  const written: FlowEvent[] = []
  t.throws(() => {
    using _flow = openFlow(
      { layer: 'tcp' },
      event => written.push(event),
      () => 0,
    )
    throw new Error('the connection broke')
  })
  t.equal(written.length, 1)
})

await t.test('openFlow(): a clock that runs backwards gives no negative duration', async t => {
  const written: FlowEvent[] = []
  let clock = 1_000
  const flow = openFlow(
    { layer: 'tcp' },
    event => written.push(event),
    () => clock,
  )
  clock = 0
  flow[Symbol.dispose]()
  t.equal(written[0]?.durationMs, 0)
})

await t.test('fanOut(): a sink that throws keeps the event from no other, and is reported', async t => {
  const seen: string[] = []
  const causes: unknown[] = []
  const broken = new Error('broken')
  const sinks = [
    {
      write: (): void => {
        throw broken
      },
    },
    {
      write: (event: FlowEvent): void => {
        seen.push(event.layer)
      },
    },
  ]
  fanOut(sinks, cause => causes.push(cause)).write({ layer: 'dns', startedAt: 0 })
  t.same(seen, ['dns'])
  t.same(causes, [broken])
})

await t.test('openFlow(): details of several who look at it are kept together', async t => {
  const written: FlowEvent[] = []
  {
    using flow = openFlow(
      { layer: 'http' },
      event => written.push(event),
      () => 0,
    )
    flow.note({ details: { git: 'upload-pack' } })
    flow.note({ status: 200 })
    flow.note({ details: { credential: 'GITHUB_TOKEN' } })
  }
  t.same(written[0]?.details, { git: 'upload-pack', credential: 'GITHUB_TOKEN' })
})

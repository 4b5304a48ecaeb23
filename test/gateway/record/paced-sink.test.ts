import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import type { FlowEvent } from '../../../gateway/record/event.ts'
import { PacedSink } from '../../../gateway/record/paced-sink.ts'

function event(host: string): FlowEvent {
  return { layer: 'http', startedAt: 0, host }
}

function open(paceMs: number, most = 1_000) {
  const written: (string | undefined)[] = []
  const sink = new PacedSink({ write: ({ host }) => void written.push(host), paceMs, most })
  return { sink, written }
}

t.test('PacedSink: an event after a pause is handed on at the end of the turn', async t => {
  const { sink, written } = open(60_000)
  sink.write(event('a'))
  sink.write(event('b'))
  t.same(written, [])
  await turn()
  t.same(written, ['a', 'b'])
})

t.test('PacedSink: while events keep coming they wait for the pace', async t => {
  const { sink, written } = open(60_000)
  sink.write(event('a'))
  await turn()
  sink.write(event('b'))
  sink.write(event('c'))
  await turn()
  t.same(written, ['a'])
  sink.drain()
  t.same(written, ['a', 'b', 'c'])
})

t.test('PacedSink: when the pace is over they are handed on in order', async t => {
  const { sink, written } = open(2)
  sink.write(event('a'))
  await turn()
  sink.write(event('b'))
  sink.write(event('c'))
  while (written.length < 3) await delay(1)
  t.same(written, ['a', 'b', 'c'])
})

t.test('PacedSink: does not keep more than it may', async t => {
  const { sink, written } = open(60_000, 3)
  sink.write(event('a'))
  await turn()
  for (const host of ['b', 'c', 'd', 'e']) sink.write(event(host))
  t.same(written, ['a', 'b', 'c', 'd'])
  sink.drain()
  t.same(written, ['a', 'b', 'c', 'd', 'e'])
})

t.test('drain(): hands on at once, and an event that is written meanwhile comes after', async t => {
  const written: (string | undefined)[] = []
  const sink: PacedSink = new PacedSink({
    write({ host }) {
      written.push(host)
      if (host === 'a') sink.write(event('late'))
    },
    paceMs: 0,
    most: 10,
  })
  sink.write(event('a'))
  sink.write(event('b'))
  sink.drain()
  t.same(written, ['a', 'b'])
  await turn()
  while (written.length < 3) await delay(1)
  t.same(written, ['a', 'b', 'late'])
})

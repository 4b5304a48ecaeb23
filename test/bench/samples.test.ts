import t from 'tap'
import { medianOf, Samples } from '../../bench/report/samples.ts'
import { renderTables } from '../../bench/report/tables.ts'
import { judge, targets } from '../../bench/report/targets.ts'

function samplesOf(figures: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>): Samples {
  const samples = new Samples()
  for (const [metric, row] of Object.entries(figures))
    for (const [contender, values] of Object.entries(row))
      for (const value of values) samples.add(metric, contender, value)
  return samples
}

t.test('medianOf(): the middle of what is a number', async t => {
  t.equal(medianOf([3, 1, 2]), 2)
  t.equal(medianOf([4, 1, 2, 3]), 2.5)
  t.equal(medianOf([NaN, 5, Infinity]), 5)
  t.equal(medianOf([]), undefined)
})

t.test('ratio(): is taken round by round, so that a slow hour of the machine does not count', async t => {
  const samples = samplesOf({ 'h1.c32.cpu': { tidegate: [10, 100, 12], nginx: [10, 100, 10] } })
  t.equal(samples.ratio('h1.c32.cpu', 'tidegate', 'nginx'), 1)
})

t.test(
  'ratio(): a round in which one failed does not count; none at all is NaN; never measured is undefined',
  async t => {
    const samples = samplesOf({
      some: { tidegate: [NaN, 3], nginx: [1, 2] },
      none: { tidegate: [NaN, 3], nginx: [1, NaN] },
      alone: { tidegate: [1] },
    })
    t.equal(samples.ratio('some', 'tidegate', 'nginx'), 1.5)
    t.same(samples.ratio('none', 'tidegate', 'nginx'), NaN)
    t.equal(samples.ratio('alone', 'tidegate', 'nginx'), undefined)
  },
)

t.test('judge(): only what was measured, and what could not be measured does not hold', async t => {
  const samples = samplesOf({
    'h1.c32.cpu': { tidegate: [16], nginx: [10] },
    'first.median': { tidegate: [12], direct: [5], squid: [NaN] },
    'memory.idle': { tidegate: [89] },
  })
  t.same(
    judge(samples).map(({ what, holds }) => [what, holds]),
    [
      ['h1 keep-alive, CPU per request, of nginx’s', false],
      ['first contact with a name, of squid’s', false],
      ['first contact with a name, over direct', true],
      ['memory at rest', true],
    ],
  )
})

t.test('targets: each of the issue is there once', async t => {
  t.equal(new Set(targets.map(({ what }) => what)).size, targets.length)
})

t.test(
  'renderTables(): what failed has a footnote with its reason, whether other rounds have a figure or none',
  async t => {
    const samples = samplesOf({ 'bulk.down': { squid: [100, 120] } })
    samples.fail('bulk.down', 'squid', '3 of 3 transfers broke')
    samples.fail('bulk.up', 'squid', 'refused')
    const text = renderTables(samples)
    t.match(text, /\| squid +\| 110 \[1\] +\| – +\| – \[2\] /)
    t.match(text, '[1] squid: 1 of 3 rounds failed: 3 of 3 transfers broke')
    t.match(text, '[2] squid: 1 of 1 rounds failed: refused')
  },
)

t.test('renderTables(): a row for each contender, a dash where there is no figure', async t => {
  const text = renderTables(
    samplesOf({ 'h2.rate': { nginx: [16_796.4], squid: [NaN] }, 'handshakes.rate': { nginx: [1_259], squid: [291] } }),
  )
  t.match(text, /\| nginx +\| 16796 /)
  t.match(text, /\| squid +\| – /)
  t.notMatch(text, 'Targets')
})

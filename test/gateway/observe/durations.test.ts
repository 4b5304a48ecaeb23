import * as fc from 'fast-check'
import { Histogram } from 'prom-client'
import t from 'tap'
import { durations } from '../../../gateway/observe/durations.ts'
import { newRegistries } from '../../../gateway/observe/families.ts'

const bounds = [0.001, 0.01, 0.1, 1]

t.test('durations(): says what a histogram of prom-client would have said, in both formats', async t => {
  const observation = fc.record({
    seconds: fc.oneof(fc.double({ min: 0, max: 5, noNaN: true }), fc.constantFrom(0.001, 0.1, 1, 2)),
    label: fc.constantFrom('allow', 'deny', 'observe'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(observation), async observations => {
      const [ours, theirs] = [newRegistries(), newRegistries()]
      const family = { name: 'x_seconds', help: 'Help.', labels: ['verdict'] as const }
      const tallied = durations(ours, family, bounds)
      const plain = new Histogram({
        name: family.name,
        help: family.help,
        labelNames: family.labels,
        buckets: bounds,
        registers: [theirs.prometheus, theirs.openMetrics],
      })
      for (const { seconds, label } of observations) {
        tallied.observe(seconds, label)
        plain.observe({ verdict: label }, seconds)
      }
      const texts = await Promise.all([
        ours.prometheus.metrics(),
        theirs.prometheus.metrics(),
        ours.openMetrics.metrics(),
        theirs.openMetrics.metrics(),
      ])
      return texts[0] === texts[1] && texts[2] === texts[3]
    }),
  )
  t.pass('held for every generated list')
})

t.test('durations(): without a label it is there from the start, with nothing in it', async t => {
  const registries = newRegistries()
  const tallied = durations(registries, { name: 'y_seconds', help: 'Help.', labels: [] }, bounds)
  t.match(await registries.prometheus.metrics(), 'y_seconds_count 0')
  tallied.observe(0.05)
  t.match(await registries.prometheus.metrics(), 'y_seconds_bucket{le="0.1"} 1\ny_seconds_bucket{le="1"} 1')
})

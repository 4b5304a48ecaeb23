import fc from 'fast-check'
import type { Sighting } from '../../../gateway/baseline/lock.ts'
import type { SeenRun } from '../../../gateway/baseline/merge.ts'

/** Few hosts, so that runs meet: plain ones, some that rotate by a number or a hash, some where anyone has a name, addresses. */
const host = fc.oneof(
  fc.constantFrom(
    'npm.acme.test',
    'acme.test',
    'a.b.acme.test',
    '192.0.2.7',
    '2001:db8::7',
    'localhost',
    'true',
    '0x1.test',
  ),
  fc.integer({ min: 1, max: 6 }).map(number => `cdn${number}.acme.test`),
  fc.integer({ min: 1, max: 4 }).map(number => `account${number}.blob.core.windows.net`),
  fc.integer({ min: 1, max: 4 }).map(number => `${number}0abcdef${number}.files.acme.test`),
)

const by = fc.option(fc.constantFrom('/usr/bin/curl', '/opt/*/bin/node', '/a b/{c}, "d": #', 'x\u{202e}y'), {
  nil: undefined,
})

export const sighting: fc.Arbitrary<Sighting> = fc.oneof(
  host.map((host): Sighting => ({ transport: 'udp', host, port: undefined, does: 'ask', by: undefined })),
  fc.record({
    transport: fc.constantFrom('tcp' as const, 'udp' as const),
    host,
    port: fc.constantFrom(80, 443, 65_535),
    does: fc.constantFrom('read' as const, 'write' as const, 'connect' as const),
    by,
  }),
)

const day = Date.parse('2026-01-31T00:00:00Z') / 1_000

/** At most 20 runs, of few jobs, each with an id of its own; some start in the same second. */
export const someRuns: fc.Arbitrary<readonly SeenRun[]> = fc
  .array(
    fc.record({
      job: fc.constantFrom('build', 'test', 'null', '0123', 'a "b": c'),
      start: fc.integer({ min: day, max: day + 12 }),
      sightings: fc.array(sighting, { maxLength: 12 }),
    }),
    { maxLength: 20 },
  )
  .map(runs => runs.map((run, index) => ({ ...run, id: (index * 7_919 + 1).toString(16).padStart(12, '0') })))

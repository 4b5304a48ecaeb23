import fc from 'fast-check'
import t from 'tap'
import { parseLock } from '../../../gateway/baseline/parse.ts'
import { GatewayError } from '../../../gateway/errors.ts'

const good = `version: 1
stableAfter: 3
jobs:
  build:
    runs: 2
    first: 2026-01-01T12:00:00Z
    last: 2026-01-02T12:00:00Z
    endpoints:
      - { to: npm.acme.test:443, does: read, by: /usr/bin/node, seen: every run }
      - { to: "[2001:db8::1]:22", does: connect, first: 2026-01-01T12:00:00Z, last: 2026-01-01T12:00:00Z, runs: 1 }
      - { to: "udp://time.acme.test:123", does: connect, seen: every run, note: "ticket 7" }
      - { to: cdn*.acme.test:443, only: [cdn1.acme.test, cdn2.acme.test], does: read, seen: every run }
      - { to: wpad.acme.test, does: ask, seen: every run }
    recent:
      - 2026-01-01T12:00:00Z 0123456789ab
      - 2026-01-02T12:00:00Z 0123456789ac
`

/** The places of the faults: `line:column CODE`. */
function faults(text: string): readonly string[] {
  try {
    parseLock(text, 'x.lock')
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'LOCK_INVALID') throw error
    const listed = error.details['faults']
    if (!Array.isArray(listed)) throw error
    return listed.map(fault => String(fault).replace(/^x\.lock:(\d+:\d+): error (\w+):[^]*$/, '$1 $2'))
  }
  return []
}

t.test('parseLock(): what is right is read', async t => {
  const { stableAfter, jobs } = parseLock(good, 'x.lock')
  t.equal(stableAfter, 3)
  t.match(jobs.get('build'), { runs: 2, rows: { length: 5 }, recent: { length: 2 } })
  t.match(
    jobs.get('build')?.rows.find(({ host }) => host === '2001:db8::1'),
    { transport: 'tcp', port: 22, by: undefined, runs: 1 },
  )
  t.strictSame(faults('version: 1\nstableAfter: 1\njobs: {}\n'), [])
})

const wrong: readonly (readonly [sentence: string, from: string, to: string, place: string])[] = [
  ['a fault of the YAML', 'jobs:\n', 'jobs: [\n', '5:5 YAML'],
  ['another version', 'version: 1', 'version: 2', '1:10 WRONG_VALUE'],
  ['an unknown key', 'stableAfter: 3', 'stableafter: 3', '2:1 UNKNOWN_KEY'],
  ['no runs of that number', 'stableAfter: 3', 'stableAfter: 0', '2:14 WRONG_VALUE'],
  ['a job without its runs', '    runs: 2\n', '', '4:3 MISSING_KEY'],
  ['a job that is no text', '  build:', '  0123:', '4:3 WRONG_VALUE'],
  ['a time that is none', 'first: 2026-01-01T12:00:00Z\n    last', 'first: 2026-02-31\n    last', '6:12 WRONG_VALUE'],
  [
    'times in the wrong order',
    'last: 2026-01-02T12:00:00Z\n    end',
    'last: 2025-01-02T12:00:00Z\n    end',
    '7:5 WRONG_VALUE',
  ],
  ['an endpoint without a deed', ', does: read, by: /usr', ', by: /usr', '9:9 MISSING_KEY'],
  ['an unknown deed', 'does: read, by', 'does: delete, by', '9:40 WRONG_VALUE'],
  ['a host in another form', 'npm.acme.test', 'NPM.acme.test', '9:15 BAD_HOST'],
  ['a host without a port', 'npm.acme.test:443', 'npm.acme.test', '9:15 BAD_HOST'],
  ['a port that there is not', 'npm.acme.test:443', 'npm.acme.test:65536', '9:15 BAD_HOST'],
  ['a pattern of a whole domain', 'npm.acme.test:443', '"*.test:443"', '9:16 BAD_HOST'],
  ['a pattern in the middle', 'npm.acme.test:443', 'a.*.test:443', '9:15 BAD_HOST'],
  ['a pattern of everything', 'npm.acme.test:443', '"*:443"', '9:16 BAD_HOST'],
  ['an alias', 'npm.acme.test:443', '*all', '9:15 YAML'],
  ['no evidence', 'seen: every run }\n      - { to: "[', 'runs: 1 }\n      - { to: "[', '9:9 MISSING_KEY'],
  ['names that the pattern does not mean', 'cdn2.acme.test', 'evil.example.com', '12:35 WRONG_VALUE'],
  ['who only asked', 'wpad.acme.test, does: ask', 'wpad.acme.test, does: ask, by: /bin/x', '13:9 WRONG_VALUE'],
  [
    'an endpoint that stands twice',
    'wpad.acme.test, does: ask',
    'npm.acme.test:443, does: read, by: /usr/bin/node',
    '13:9 DUPLICATE_KEY',
  ],
  ['a run without its id', ' 0123456789ab\n', '\n', '15:9 WRONG_VALUE'],
]
for (const [sentence, from, to, place] of wrong) {
  t.test(`parseLock(): names the place of ${sentence}`, async t => {
    const text = good.replace(from, to)
    t.not(text, good)
    t.strictSame(faults(text).slice(0, 1), [place], `${place} in ${faults(text).join(', ')}`)
  })
}

t.test('parseLock(): a merge that was not finished is named', async t => {
  t.match(
    faults(good.replace('    runs: 2\n', '<<<<<<< ours\n    runs: 2\n=======\n    runs: 3\n>>>>>>> theirs\n'))[0],
    /^5:/,
  )
})

t.test('parseLock(): whatever the text is, it is a lock or a LOCK_INVALID', async t => {
  const pieces = fc.constantFrom(
    ...good.split(/(?<=[\s:{,])/),
    '*',
    '&a',
    '!!set',
    '\0',
    '- ',
    '{',
    ']',
    '"',
    '\u{1f600}',
    '9e9',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 60 }), fc.nat(good.length), (parts, at) => {
      faults(parts.join(''))
      faults(good.slice(0, at) + parts.slice(0, 3).join('') + good.slice(at))
      return true
    }),
    { numRuns: 300 },
  )
  t.pass('held')
})

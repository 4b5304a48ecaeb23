import t from 'tap'
import { distrust, type SilentEnd } from '../../../gateway/door/distrust.ts'

const left: SilentEnd = { fault: 'CLIENT_ABORTED', isComplete: false, hasSpoken: false, afterMs: 5 }
const cases: readonly (readonly [what: string, end: SilentEnd, expected: 'yes' | 'maybe' | 'no'])[] = [
  [
    'an alert against our certificate',
    { ...left, fault: 'CLIENT_REFUSED_CA', hasSpoken: true, afterMs: 30_000 },
    'yes',
  ],
  ['a handshake that cannot succeed', { ...left, fault: 'CLIENT_TLS' }, 'yes'],
  ['a client that leaves at once, in the handshake', left, 'yes'],
  ['one that leaves at once, without a word, behind it', { ...left, isComplete: true }, 'maybe'],
  ['one that says farewell', { ...left, isComplete: true, hasSpoken: true }, 'no'],
  ['one that had stayed', { ...left, isComplete: true, afterMs: 5_000 }, 'no'],
  ['one that never finishes', { ...left, fault: 'CLIENT_TIMEOUT', afterMs: 10_000 }, 'no'],
]
for (const [what, end, expected] of cases) {
  t.test(`distrust(): ${what}: ${expected}`, async t => {
    t.equal(distrust(end), expected)
  })
}

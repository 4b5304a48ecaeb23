import fc from 'fast-check'
import t from 'tap'
import { decide } from '../../../gateway/policy/decide.ts'
import type { Carriage } from '../../../gateway/policy/decision.ts'
import { narrow } from '../../../gateway/policy/narrow.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import { destination, pathRequest, pathRules, rules } from './arbitrary.ts'
import { address, policyOf } from './sample.ts'

const many = { numRuns: 3_000 }
const openness = { deny: 0, observe: 1, allow: 2 } as const

/** Any policy, of rules that meet each other. */
const policy: fc.Arbitrary<Policy> = fc
  .record({
    mode: fc.constantFrom('audit' as const, 'block' as const),
    allow: fc.oneof(rules, pathRules),
    deny: fc.oneof(rules, pathRules),
    forbid: fc.array(fc.constantFrom('**.b.test', 'POST https://a.test/a', 'udp://**.test:53'), { maxLength: 2 }),
    limit: fc.option(fc.integer({ min: 0, max: 9 })),
    inspect: fc.constantFrom(undefined, 'all', 'rules'),
    onLogFailure: fc.constantFrom(undefined, 'deny', 'allow'),
    ranges: fc.option(fc.subarray(['10.0.0.0/8', '10.1.0.0/16', '192.168.0.0/16'])),
  })
  .map(({ limit, inspect, onLogFailure, ranges, allow, ...lists }) =>
    policyOf({
      ...lists,
      allow: limit === null ? allow : [...allow, { to: 'https://**.test', maxRequestBytes: limit }],
      ...(inspect === undefined ? {} : { tls: { inspect } }),
      ...(onLogFailure === undefined ? {} : { onLogFailure }),
      ...(ranges === null ? {} : { private: ranges }),
    }),
  )
const asked = fc.oneof(destination, pathRequest)

t.test('narrow(): P3: what the narrowed policy allows, both allow', async t => {
  fc.assert(
    fc.property(policy, policy, asked, (platform, job, to) => {
      const both = decide(narrow(platform, job), to).verdict
      return both !== 'allow' || [platform, job].every(one => decide(one, to).verdict === 'allow')
    }),
    many,
  )
  t.pass('held for every generated pair')
})

t.test(
  'narrow(): P3: what either denies stays denied, and nothing becomes more open, however often it is narrowed',
  async t => {
    fc.assert(
      fc.property(policy, policy, policy, asked, (platform, job, second, to) => {
        const once = narrow(platform, job)
        const twice = narrow(once, second)
        const [first, then, last] = [platform, once, twice].map(one => openness[decide(one, to).verdict])
        const own = openness[decide(job, to).verdict]
        return (
          first !== undefined &&
          then !== undefined &&
          last !== undefined &&
          then <= Math.min(first, own) &&
          last <= then
        )
      }),
      many,
    )
    t.pass('held for every generated three')
  },
)

t.test(
  'narrow(): P3: bytes pass unread only where both let them, and no body is larger than either allows',
  async t => {
    const unread = ({ passTls, raw }: Carriage): boolean => passTls || raw
    fc.assert(
      fc.property(policy, policy, asked, (platform, job, to) => {
        const [narrowed, ...each] = [narrow(platform, job), platform, job].map(one => decide(one, to))
        if (narrowed?.verdict !== 'allow') return true
        const allowing = each.filter(one => one.verdict === 'allow')
        const limits = allowing.map(one => one.maxRequestBytes ?? Infinity)
        // What a job says nothing of, its own rules may need, but not its default.
        const wanting = job.unsaid.includes('inspect') ? allowing.slice(0, 1) : allowing
        return (
          allowing.length === 2 &&
          (!narrowed.carriage.raw || allowing.every(one => one.carriage.raw)) &&
          (!narrowed.carriage.passTls || wanting.every(one => unread(one.carriage))) &&
          (narrowed.maxRequestBytes ?? Infinity) <= Math.min(...limits)
        )
      }),
      many,
    )
    t.pass('held for every generated pair')
  },
)

t.test('narrow(): P3: ranges, trust, mode and the log’s failure are never loosened', async t => {
  const where = fc.constantFrom('10.0.0.1', '10.1.2.3', '192.168.0.1', '203.0.113.9', '127.0.0.1').map(address)
  fc.assert(
    fc.property(policy, policy, where, (platform, job, at) => {
      const both = narrow(platform, job)
      return (
        (!both.mayResolveTo(at) || platform.mayResolveTo(at)) &&
        (platform.mode === 'audit' || both.mode === 'block') &&
        (platform.onLogFailure === 'allow' || both.onLogFailure === 'deny') &&
        both.tls.extraCa === platform.tls.extraCa
      )
    }),
    many,
  )
  t.pass('held for every generated pair')
})

import fc from 'fast-check'
import t from 'tap'
import { decide } from '../../../gateway/policy/decide.ts'
import type { Destination } from '../../../gateway/policy/decision.ts'
import { connection, literal, name, policyOf, request } from './sample.ts'

const label = fc.constantFrom('a', 'b', 'ab', 'ba')
const hostName = fc.array(label, { minLength: 1, maxLength: 4 }).map(labels => `${labels.join('.')}.test`)
const hostPattern = fc
  .array(fc.oneof(label, fc.constantFrom('*', '**', 'a*', '*b', 'a*a')), { minLength: 1, maxLength: 3 })
  .map(labels => `${labels.join('.')}.test`)
const segment = fc.constantFrom('a', 'b', 'ab', '')
const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map(segments => `/${segments.join('/')}`)
const pathPattern = fc
  .array(fc.oneof(segment, fc.constantFrom('*', '**', 'a*')), { minLength: 1, maxLength: 3 })
  .map(segments => `/${segments.join('/')}`)

const methods = fc.constantFrom('', '', 'GET ', 'GET,HEAD ', 'POST ')
const rule = fc.oneof(
  hostPattern,
  hostPattern.map(host => `tcp://${host}:443`),
  hostPattern.map(host => `udp://${host}:53`),
  hostPattern.map(host => `tls://${host}`),
  fc
    .tuple(methods, fc.constantFrom('https://', 'http://'), hostPattern, fc.option(pathPattern, { nil: '' }))
    .map(parts => parts.join('')),
  fc
    .tuple(fc.constantFrom('wss://', 'ws://'), hostPattern, fc.option(pathPattern, { nil: '' }))
    .map(parts => parts.join('')),
  fc.constantFrom('tcp://10.0.0.0/8:443', 'tcp://10.1.0.0/16:443', 'tcp://0.0.0.0/0:1-65535', 'udp://10.0.0.1:53'),
)
const rules = fc.array(rule, { maxLength: 6 })
const destination: fc.Arbitrary<Destination> = fc.oneof(
  hostName.map(name),
  fc
    .tuple(hostName, fc.constantFrom(443, 80, 53), fc.constantFrom('tcp' as const, 'udp' as const))
    .map(([host, port, transport]) => connection(host, port, transport)),
  fc.constantFrom('10.0.0.1', '10.1.2.3', '203.0.113.9', '169.254.169.254').map(raw => literal(raw)),
  fc
    .tuple(fc.constantFrom('GET', 'POST', 'HEAD'), fc.constantFrom('https', 'http', 'wss', 'ws'), hostName, path)
    .map(([method, scheme, host, at]) => request(`${method} ${scheme}://${host}${at}`)),
)

const many = { numRuns: 1_500 }

t.test('decide(): P2: with nothing to allow, every destination is denied', async t => {
  fc.assert(
    fc.property(destination, rules, (to, refused) => decide(policyOf({ deny: refused }), to).verdict === 'deny'),
    many,
  )
  t.pass('held for every generated destination')
})

t.test('decide(): the order of rules never matters', async t => {
  fc.assert(
    fc.property(
      destination,
      rules,
      rules,
      rules,
      fc.constantFrom('audit' as const, 'block' as const),
      (to, allow, deny, forbid, mode) => {
        const straight = decide(policyOf({ mode, allow, deny, forbid }), to)
        const reversed = decide(
          policyOf({ mode, allow: allow.toReversed(), deny: deny.toReversed(), forbid: forbid.toReversed() }),
          to,
        )
        // All but the place of the rule that is named.
        const bare = (decision: typeof straight): string =>
          JSON.stringify({ ...decision, rule: decision.rule?.replace(/\[\d+\]/, '') ?? null })
        return bare(straight) === bare(reversed)
      },
    ),
    many,
  )
  t.pass('held for every generated policy')
})

t.test('decide(): forbid beats deny beats allow: adding a refusal never opens anything', async t => {
  const openness = { deny: 0, observe: 1, allow: 2 } as const
  fc.assert(
    fc.property(
      destination,
      rules,
      rules,
      rule,
      fc.constantFrom('audit' as const, 'block' as const),
      (to, allow, deny, more, mode) => {
        const before = openness[decide(policyOf({ mode, allow, deny }), to).verdict]
        const denied = openness[decide(policyOf({ mode, allow, deny: [...deny, more] }), to).verdict]
        const forbidden = openness[decide(policyOf({ mode, allow, deny, forbid: [more] }), to).verdict]
        return denied <= before && forbidden <= denied
      },
    ),
    many,
  )
  t.pass('held for every generated policy')
})

t.test('decide(): what is forbidden is denied in audit as in block', async t => {
  fc.assert(
    fc.property(destination, rules, rules, rules, (to, allow, deny, forbid) => {
      const block = decide(policyOf({ mode: 'block', allow, deny, forbid }), to)
      const audit = decide(policyOf({ mode: 'audit', allow, deny, forbid }), to)
      if (block.reason === 'forbidden') return audit.verdict === 'deny' && audit.rule === block.rule
      if (block.verdict === 'allow') return audit.verdict === 'allow' && audit.rule === block.rule
      return audit.verdict === 'observe' && audit.reason === block.reason
    }),
    many,
  )
  t.pass('held for every generated policy')
})

t.test('decide(): a request is only allowed where its endpoint and its name are', async t => {
  fc.assert(
    fc.property(
      rules,
      rules,
      rules,
      fc.constantFrom('https', 'http', 'wss', 'ws'),
      hostName,
      path,
      (allow, deny, forbid, scheme, raw, at) => {
        const policy = policyOf({ allow, deny, forbid })
        const to = request(`GET ${scheme}://${raw}${at}`)
        if (decide(policy, to).verdict !== 'allow') return true
        const port = scheme === 'https' || scheme === 'wss' ? 443 : 80
        return (
          decide(policy, connection(raw, port)).verdict === 'allow' && decide(policy, name(raw)).verdict === 'allow'
        )
      },
    ),
    many,
  )
  t.pass('held for every generated policy')
})

t.test('decide(): TLS is never passed unread where a refusal on a part of the host has to be looked for', async t => {
  fc.assert(
    fc.property(
      rules,
      rules,
      hostName,
      path,
      fc.constantFrom('audit' as const, 'block' as const),
      (allow, forbid, raw, at, mode) => {
        const policy = policyOf({ mode, allow, forbid, tls: { inspect: 'rules' } })
        const met = decide(policy, request(`GET https://${raw}${at}`))
        const endpoint = decide(policy, connection(raw))
        return met.reason !== 'forbidden' || endpoint.verdict === 'deny' || !endpoint.carriage.passTls
      },
    ),
    many,
  )
  t.pass('held for every generated policy')
})

import fc from 'fast-check'
import t from 'tap'
import { decide } from '../../../gateway/policy/decide.ts'
import { destination, hostName, path, rule, rules } from './arbitrary.ts'
import { connection, name, policyOf, request } from './sample.ts'

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

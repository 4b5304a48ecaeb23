import { join } from 'node:path'
import t from 'tap'
import { GatewayError } from '../../../gateway/errors.ts'
import { decide } from '../../../gateway/policy/decide.ts'
import { loadPolicy } from '../../../gateway/policy/load.ts'
import { name } from './sample.ts'

t.test('loadPolicy(): reads files beside the policy, and beside those', async t => {
  const folder = t.testdir({
    'policy.yaml': 'version: 1\nmode: block\nuse: [shared/team.yaml, known-exfiltration]\n',
    shared: { 'team.yaml': 'version: 1\nuse: [deep.yaml]\n', 'deep.yaml': 'version: 1\nallow: [a.test]\n' },
  })
  const policy = await loadPolicy(join(folder, 'policy.yaml'))
  t.match(decide(policy, name('a.test')), { verdict: 'allow', rule: 'deep.yaml: allow[0] a.test' })
  t.match(decide(policy, name('x.webhook.site')), { reason: 'forbidden' })
})

t.test('loadPolicy(): a file that is not there is POLICY_UNREADABLE', async t => {
  await t.rejects(loadPolicy(join(t.testdir({}), 'none.yaml')), { code: 'POLICY_UNREADABLE' })
})

t.test('loadPolicy(): a folder instead of a file is POLICY_UNREADABLE, also in `use`', async t => {
  const folder = t.testdir({ 'policy.yaml': 'version: 1\nmode: block\nuse: [team]\n', team: {} })
  await t.rejects(loadPolicy(folder), { code: 'POLICY_UNREADABLE' })
  await t.rejects(loadPolicy(join(folder, 'policy.yaml')), { code: 'POLICY_UNREADABLE' })
})

t.test('loadPolicy(): a file in `use` that is not there is a fault with its place', async t => {
  const folder = t.testdir({ 'policy.yaml': 'version: 1\nmode: block\nuse:\n  - team.yaml\n' })
  await t.rejects(loadPolicy(join(folder, 'policy.yaml')), {
    code: 'POLICY_INVALID',
    details: { findings: [{ code: 'UNKNOWN_USE', line: 4, column: 5 }] },
  })
})

t.test('loadPolicy(): every fault is a line of text in `faults`', async t => {
  const file = join(t.testdir({ 'policy.yaml': 'version: 1\n' }), 'policy.yaml')
  const error = await loadPolicy(file).catch((cause: unknown) => cause)
  t.ok(error instanceof GatewayError)
  t.match(error instanceof GatewayError ? error.details['faults'] : undefined, [
    /policy\.yaml:1:1: error MISSING_KEY: .+ → .+/,
  ])
})

import { writeFileSync } from 'node:fs'
import t from 'tap'
import { parseConfig } from '../../../gateway/config/load.ts'
import { entryOf, loadPolicies } from '../../../gateway/config/policies.ts'

const good = 'version: 1\nmode: block\nallow: [https://a.test]\n'

function config(dir: string, text: string) {
  return parseConfig(`version: 1\n${text}`, `${dir}/gateway.yaml`)
}

t.test('entryOf(): the name itself, else the pattern with the most characters of its own', async t => {
  const of = config(
    '/x',
    'jobs: { "*": { policy: any }, "ci-*": { policy: ci }, "ci-main": { policy: main }, "*-a": {}, "b-*": {} }',
  )
  for (const [job, policy] of [
    ['ci-main', '/x/main'],
    ['ci-7', '/x/ci'],
    ['other', '/x/any'],
  ] as const)
    t.equal(entryOf(of, job).policy, policy, job)
  t.throws(() => entryOf(of, 'b-a'), { code: 'JOB_NOT_ALLOWED' }, 'two that are as good as each other')
  t.throws(() => entryOf(config('/x', 'jobs: { "a.b*": {} }'), 'axb1'), { code: 'JOB_NOT_ALLOWED' }, 'a dot is a dot')
  t.throws(() => entryOf(config('/x', ''), 'a'), { code: 'JOB_NOT_ALLOWED' }, 'nothing is taken by default')
  t.throws(() => entryOf(config('/x', 'jobs: { "a*": {} }'), 'constructor'), { code: 'JOB_NOT_ALLOWED' })
})

t.test('loadPolicies(): who may have which', async t => {
  const dir = t.testdir({ 'fixed.yaml': good, policies: { 'one.yaml': good, 'two.yaml': good, 'README.md': 'x' } })
  const policies = await loadPolicies(
    config(
      dir,
      'policyFolder: policies\njobs: { fixed: { policy: fixed.yaml }, same: { policy: policies/one.yaml }, "*": {} }',
    ),
  )
  t.match(policies.choose('fixed', undefined), { file: `${dir}/fixed.yaml`, policy: { mode: 'block' } })
  t.match(policies.choose('free', 'two'), { file: `${dir}/policies/two.yaml` })
  t.match(policies.choose('same', 'one'), { file: `${dir}/policies/one.yaml` }, 'the fixed one may be asked for')
  t.throws(() => policies.choose('fixed', 'one'), { code: 'JOB_NOT_ALLOWED' })
  t.throws(() => policies.choose('fixed', 'nothing'), { code: 'JOB_NOT_ALLOWED' })
  t.throws(() => policies.choose('free', undefined), { code: 'JOB_NOT_ALLOWED' })
  t.throws(() => policies.choose('free', 'README'), { code: 'POLICY_UNKNOWN' })
  t.throws(() => policies.again(`${dir}/gone.yaml`), { code: 'POLICY_UNKNOWN' })
})

t.test('loadPolicies(): the faults of all files at once', async t => {
  const dir = t.testdir({
    policies: { 'a.yaml': 'version: 1\nmode: loose\n', 'b.yaml': good, 'c.yaml': 'mode: block\n' },
  })
  const broken = config(dir, 'policyFolder: policies\njobs: { x: { policy: missing.yaml } }')
  const error: unknown = await loadPolicies(broken).catch((cause: unknown) => cause)
  const faults = String(Object(Object(error).details).faults)
  for (const name of ['missing.yaml', 'a.yaml', 'c.yaml']) t.match(faults, name)
  t.notMatch(faults, 'b.yaml')
  writeFileSync(`${dir}/policies/a.yaml`, good)
  await t.rejects(loadPolicies(config(dir, 'policyFolder: nowhere')), { code: 'POLICY_UNREADABLE' })
})

import t from 'tap'
import { decide } from '../../../gateway/policy/decide.ts'
import { JobDesk } from '../../../gateway/serve/job-desk.ts'
import { name, policyOf } from '../policy/sample.ts'
import { FakeDeskJob } from './desk-job.ts'

const platform = policyOf({ allow: ['**.acme.example', 'other.test'] })
const narrowing = (...allow: string[]) => JSON.stringify({ version: 1, mode: 'block', allow })

/** A desk whose clock stands still unless it is moved. */
function deskOf(policy = platform) {
  const clock = { ms: 1_800_000_000_000 }
  const job = new FakeDeskJob(policy)
  return { clock, job, desk: new JobDesk(job, () => new Date(clock.ms)) }
}

t.test('claim: once; the second is told who was first', async t => {
  const { desk, job } = deskOf()
  const first = desk.answer({ op: 'claim', by: 'acme/web run 7' })
  t.match(first, { ok: true, job: 'build', claimed: { by: 'acme/web run 7', at: '2027-01-15T08:00:00.000Z' } })
  t.match(desk.answer({ op: 'claim', by: 'someone else' }), {
    ok: false,
    code: 'JOB_CLAIMED',
    error: /acme\/web run 7 at 2027-01-15/,
  })
  t.same(job.claims, ['acme/web run 7'])
})

t.test('claim: who is first tells the credentials of the job, and nobody after', async t => {
  const { desk, job } = deskOf()
  desk.answer({ op: 'claim', by: 'run 7', tokens: { SYSTEM_ACCESSTOKEN: 'own-token' } })
  desk.answer({ op: 'claim', by: 'run 8', tokens: { SYSTEM_ACCESSTOKEN: 'another-one' } })
  t.same(job.credentials, [{ SYSTEM_ACCESSTOKEN: 'own-token' }])
})

t.test('narrow: what it does not allow is refused from then on', async t => {
  const { desk, job } = deskOf()
  t.match(desk.answer({ op: 'narrow', policy: narrowing('npm.acme.example') }), { ok: true, mode: 'block', notes: [] })
  t.match(decide(job.policy, name('npm.acme.example')), { verdict: 'allow' })
  t.match(decide(job.policy, name('other.test')), { verdict: 'deny', rule: 'job: no rule' })
})

t.test('narrow: P3: twice composes, and the second cannot take the first back', async t => {
  const { desk, job } = deskOf()
  desk.answer({ op: 'narrow', policy: narrowing('npm.acme.example') })
  t.match(desk.answer({ op: 'narrow', policy: narrowing('**.acme.example', 'other.test', 'evil.test') }), { ok: true })
  t.match(decide(job.policy, name('npm.acme.example')), { verdict: 'allow' })
  for (const host of ['git.acme.example', 'other.test', 'evil.test'])
    t.match(decide(job.policy, name(host)), { verdict: 'deny' }, host)
})

t.test('narrow: P3: what it asks for in vain is said', async t => {
  const { desk, job } = deskOf()
  const policy = JSON.stringify({ version: 1, mode: 'audit', allow: ['other.test'], tls: { extraCa: ['/etc/passwd'] } })
  const said = desk.answer({ op: 'narrow', policy })
  t.match(said, { ok: true, mode: 'block', notes: [/mode: audit has no effect/, /extraCa has no effect/] })
  t.same(job.policy.tls.extraCa, [])
})

t.test('narrow: a policy with faults changes nothing, and all of its faults are told', async t => {
  const { desk, job } = deskOf()
  const faulty = 'version: 1\nmode: block\nallow:\n  - "*"\n  - UPPER.test\nunknown: 1\n'
  const said = desk.answer({ op: 'narrow', policy: faulty })
  t.match(said, { ok: false, code: 'POLICY_INVALID', faults: [/BARE_STAR/, /NOT_CANONICAL/, /UNKNOWN_KEY/] })
  t.equal(job.policy, platform)
})

t.test('narrow: no file of the gateway is read for a job', async t => {
  const { desk } = deskOf()
  const policy = JSON.stringify({ version: 1, mode: 'block', use: ['package.json'], allow: [] })
  t.match(desk.answer({ op: 'narrow', policy }), { ok: false, faults: [/UNKNOWN_USE/] })
  const preset = JSON.stringify({ version: 1, mode: 'block', use: ['known-exfiltration'], allow: ['other.test'] })
  t.match(desk.answer({ op: 'narrow', policy: preset }), { ok: true })
})

t.test('narrow: so many faults that nobody reads them are counted', async t => {
  const { desk } = deskOf()
  const policy = JSON.stringify({ version: 1, mode: 'block', allow: Array.from({ length: 500 }, () => '*') })
  const said = desk.answer({ op: 'narrow', policy })
  t.match(said, { ok: false, code: 'POLICY_INVALID' })
  t.match('faults' in said && Array.isArray(said.faults) ? said.faults.at(-1) : '', 'and 300 more')
})

t.test('narrow: only so often, and only so many times, whatever it costs', async t => {
  const { desk, clock } = deskOf()
  const text = narrowing('**.acme.example')
  const codes = (count: number): Promise<unknown[]> =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const said = await desk.answer({ op: 'narrow', policy: text })
        return said.ok ? 'ok' : said['code']
      }),
    )
  t.same(await codes(6), ['ok', 'ok', 'ok', 'ok', 'JOB_LIMIT', 'JOB_LIMIT'])
  clock.ms += 60_000
  t.same(await codes(4), ['ok', 'ok', 'ok', 'ok'])
  clock.ms += 60_000
  t.match(desk.answer({ op: 'narrow', policy: text }), { code: 'JOB_LIMIT', error: /8 times/ })
})

t.test('selftest: the record says that the job tests itself, and so often only', async t => {
  const { desk, job, clock } = deskOf()
  t.match(desk.answer({ op: 'selftest', phase: 'begin' }), { ok: true, job: 'build' })
  t.match(desk.answer({ op: 'selftest', phase: 'end', cases: 74, failed: 1, skipped: 2 }), { ok: true })
  t.strictSame(job.selfTests, [{ phase: 'begin' }, { phase: 'end', cases: 74, failed: 1, skipped: 2 }])
  for (let index = 0; index < 8; index += 1) desk.answer({ op: 'selftest', phase: 'begin' })
  t.match(desk.answer({ op: 'selftest', phase: 'begin' }), { ok: false, code: 'JOB_LIMIT' })
  clock.ms += 10_000
  t.match(desk.answer({ op: 'selftest', phase: 'begin' }), { ok: true })
})

t.test('summary: what the report would say now, not too often', async t => {
  const { desk, job } = deskOf()
  job.counted.write({ layer: 'http', startedAt: 0, verdict: 'deny', reason: 'no-rule', host: 'evil.test', port: 443 })
  t.match(desk.answer({ op: 'summary' }), {
    ok: true,
    summary: { job: 'build', refused: [{ host: 'evil.test' }], log: { state: 'open' } },
  })
  for (let index = 0; index < 9; index += 1) desk.answer({ op: 'summary' })
  t.match(desk.answer({ op: 'summary' }), { ok: false, code: 'JOB_LIMIT' })
})

t.test('checkpoint, manifest: nobody answers where the policy does not ask for it', async t => {
  const { desk } = deskOf()
  t.match(await desk.answer({ op: 'checkpoint' }), { ok: false, code: 'SOURCE_UNREADABLE', error: /integrity/ })
})

t.test('checkpoint, manifest: who watches the sources answers, and so often only', async t => {
  const { desk, job } = deskOf()
  const commit = '0123456789'.repeat(4)
  const manifests: unknown[] = []
  job.sources = {
    checkpoint: async folder =>
      folder === undefined ? { ok: true, commit, files: 3, changed: 0 } : { ok: false, error: `what is ${folder}?` },
    manifest: findings => void manifests.push(findings),
  }
  t.strictSame(await desk.answer({ op: 'checkpoint' }), { ok: true, commit, files: 3, changed: 0 })
  t.strictSame(await desk.answer({ op: 'checkpoint', folder: '/x' }), {
    ok: false,
    code: 'SOURCE_UNREADABLE',
    error: 'what is /x?',
  })
  t.strictSame(await desk.answer({ op: 'manifest', archive: 'a.tar', commit, count: 1, paths: ['evil'] }), { ok: true })
  t.match(manifests, [{ archive: 'a.tar', count: 1, paths: ['evil'] }])
  for (let asked = 3; asked < 100; asked += 1) t.match(await desk.answer({ op: 'checkpoint' }), { ok: true })
  t.match(await desk.answer({ op: 'checkpoint' }), { ok: false, code: 'JOB_LIMIT' })
})

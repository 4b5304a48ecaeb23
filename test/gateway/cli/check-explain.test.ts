import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { check } from '../../../gateway/cli/check.ts'
import type { Command } from '../../../gateway/cli/command.ts'
import { explain } from '../../../gateway/cli/explain.ts'

/** Runs a command as a shell would, and gathers what it says. */
async function run(
  command: Command,
  args: readonly string[],
  cwd = '/',
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const code = await command.run(args, {
    stdout,
    stderr,
    env: {},
    cwd,
    signal: new AbortController().signal,
    fault: new AbortController().signal,
  })
  stdout.end()
  stderr.end()
  return { code, stdout: await text(stdout), stderr: await text(stderr) }
}

function policy(body: string): string {
  return `version: 1\nmode: block\n${body}`
}

t.test('check: exit 0 and silence on stdout for a clean policy', async t => {
  const folder = t.testdir({ 'p.yaml': policy('allow: [a.acme.example]\n') })
  t.match(await run(check, [`${folder}/p.yaml`]), { code: 0, stdout: '', stderr: '1 file: 0 errors, 0 warnings\n' })
})

t.test('check: exit 0 with warnings, 1 when strict', async t => {
  const folder = t.testdir({ 'p.yaml': policy('allow: ["**"]\n') })
  const lax = await run(check, [`${folder}/p.yaml`])
  t.equal(lax.code, 0)
  t.match(lax.stdout, /p\.yaml:3:10: warning EVERYTHING: .+ → .+\n$/)
  t.equal((await run(check, ['--strict', `${folder}/p.yaml`])).code, 1)
})

t.test('check: exit 1 with errors, every file looked at', async t => {
  const folder = t.testdir({ 'a.yaml': policy('allow: ["*"]\n'), 'b.yaml': policy('alow: []\n') })
  const { code, stdout } = await run(check, [`${folder}/a.yaml`, `${folder}/b.yaml`])
  t.equal(code, 1)
  t.match(stdout, 'error BARE_STAR')
  t.match(stdout, 'error UNKNOWN_KEY')
})

t.test('check: a denied package whose range cannot be read, at its place', async t => {
  const body = policy('allow: []\npackages:\n  deny: ["pkg:npm/fine@^1.2.0||<0.9.0", "pkg:pypi/odd@latest!"]\n')
  const folder = t.testdir({ 'p.yaml': body })
  const { code, stdout } = await run(check, [`${folder}/p.yaml`])
  t.equal(code, 1)
  t.match(stdout, /p\.yaml:5:\d+: error WRONG_VALUE: pkg:pypi\/odd@latest!: .+ → .+\n/)
  t.notMatch(stdout, 'pkg:npm/fine')
})

t.test('check: wrong usage and unreadable files are errors of their own', async t => {
  await t.rejects(run(check, []), { code: 'USAGE' })
  await t.rejects(run(check, ['--nonsense', 'x']), { code: 'USAGE' })
  await t.rejects(run(check, [`${t.testdir({})}/none.yaml`]), { code: 'POLICY_UNREADABLE' })
})

t.test('explain: exit 0 when allowed, 1 when denied, with the rule, the reason and the line', async t => {
  const folder = t.testdir({ 'p.yaml': policy('allow: [GET https://api.acme.example/v1/**]\n') })
  const allowed = await run(explain, ['--policy', `${folder}/p.yaml`, 'https://api.acme.example/v1/x?token=1'])
  t.equal(allowed.code, 0)
  t.match(allowed.stdout, 'allow[0] GET https://api.acme.example/v1/**')
  const denied = await run(explain, [
    '--policy',
    `${folder}/p.yaml`,
    'POST',
    'https://api.acme.example/v1/x',
    'tcp://other.test:22',
  ])
  t.equal(denied.code, 1)
  t.match(denied.stdout, 'deny, method')
  t.match(denied.stdout, '- POST https://api.acme.example/v1/x')
  t.match(denied.stdout, '- tcp://other.test:22')
})

t.test('explain: audit is explained as what block would do, and --mode tries the other', async t => {
  const folder = t.testdir({ 'p.yaml': 'version: 1\nmode: audit\nforbid: [bad.test]\n' })
  const audit = await run(explain, ['--policy', `${folder}/p.yaml`, 'a.test'])
  t.equal(audit.code, 1)
  t.match(audit.stdout, 'observe')
  t.match((await run(explain, ['--policy', `${folder}/p.yaml`, '--mode', 'block', 'a.test'])).stdout, 'deny, no-rule')
  t.match((await run(explain, ['--policy', `${folder}/p.yaml`, 'bad.test'])).stdout, 'no line can allow it')
})

t.test('explain: a package', async t => {
  const packages =
    'packages: { deny: ["pkg:npm/evil@<2.0.0"], internal: [{ scope: "@acme/*", from: npm.acme.test }], minimumAgeDays: 7 }'
  const folder = t.testdir({
    'p.yaml': policy(`allow: [a.test]\n${packages}\n`),
    'none.yaml': policy('allow: [a.test]\n'),
  })
  const ask = (...targets: readonly string[]): ReturnType<typeof run> =>
    run(explain, ['--policy', `${folder}/p.yaml`, ...targets])
  t.match(await ask('pkg:npm/evil@1.0.0'), {
    code: 1,
    stdout: /deny {5}packages\.deny\[0\] pkg:npm\/evil@<2\.0\.0\n[^]* {2}= deny: /,
  })
  t.match(await ask('pkg:npm/evil@2.0.0', 'a.test'), {
    code: 0,
    stdout: /less than 7 days ago\n {2}= allow\n[^]*allow\[0\] a\.test/,
  })
  t.match(await ask('pkg:npm/%40acme/ui'), {
    code: 0,
    stdout: 'packages.internal[0] @acme/*, unless it comes from its registry',
  })
  t.match(await run(explain, ['--policy', `${folder}/none.yaml`, 'pkg:npm/evil']), { code: 0, stdout: 'nobody looks' })
  for (const bad of ['pkg:', 'pkg:hex/x@1']) await t.rejects(ask(bad), { code: 'USAGE' }, bad)
})

t.test('explain: wrong usage and faulty policies are errors of their own', async t => {
  const folder = t.testdir({ 'p.yaml': policy('allow: ["*"]\n'), 'ok.yaml': policy('allow: [a.test]\n') })
  await t.rejects(run(explain, ['a.test']), { code: 'USAGE' })
  await t.rejects(run(explain, ['--policy', `${folder}/ok.yaml`]), { code: 'USAGE' })
  await t.rejects(run(explain, ['--policy', `${folder}/ok.yaml`, 'a.test', 'POST', 'b.test']), { code: 'USAGE' })
  await t.rejects(run(explain, ['--policy', `${folder}/ok.yaml`, '--mode', 'maybe', 'a.test']), { code: 'USAGE' })
  await t.rejects(run(explain, ['--policy', `${folder}/p.yaml`, 'a.test']), { code: 'POLICY_INVALID' })
})

t.test('check, explain: read tidegate.yaml of the folder when no policy is named', async t => {
  const folder = t.testdir({ 'tidegate.yaml': policy('allow: [a.test, "**"]\n'), none: {} })
  t.match(await run(check, [], folder), { code: 0, stdout: 'warning EVERYTHING' })
  t.match(await run(explain, ['a.test'], folder), { code: 0, stdout: 'allow[0] a.test' })
  await t.rejects(run(check, [], `${folder}/none`), { code: 'USAGE' })
  await t.rejects(run(explain, ['a.test'], `${folder}/none`), { code: 'USAGE' })
})

import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { fleet } from '../../../gateway/cli/fleet.ts'
import { lock } from '../../../gateway/cli/lock.ts'
import type { FlowEvent } from '../../../gateway/record/event.ts'
import { writeLog } from '../record/write-log.ts'
import { outcome } from './outcome.ts'

const request = (host: string, facts: Partial<FlowEvent> = {}): FlowEvent => ({
  layer: 'http',
  startedAt: Date.parse('2026-01-01T12:00:00.500Z'),
  host,
  port: 443,
  protocol: 'h2',
  method: 'GET',
  path: '/',
  verdict: 'observe',
  reason: 'no-rule',
  inspected: true,
  process: { pid: 7, exe: '/usr/bin/node', command: 'node', uid: 0, parents: [] },
  ...facts,
})

const first = await writeLog([request('npm.acme.test')], 'build')
const second = await writeLog([request('npm.acme.test', { startedAt: Date.parse('2026-01-02T12:00:00Z') })], 'build')
const odd = await writeLog([request('npm.acme.test'), request('x.acme.test', { method: 'PUT' })], 'build')

t.test('lock update: makes the file, and then only adds to it', async t => {
  const cwd = t.testdir({ 'a.ndjson': first, out: { 'egress.ndjson': second } })
  const made = await outcome(lock, ['update', 'a.ndjson'], { cwd })
  t.match(made, { exitCode: 0, stdout: 'build: npm.acme.test:443 read by /usr/bin/node\n' })
  const text = readFileSync(`${cwd}/egress.lock`, 'utf8')
  t.match(text, /first: 2026-01-01T12:00:00Z/)
  t.match(await outcome(lock, ['update', 'a.ndjson'], { cwd }), { exitCode: 0, stdout: '' })
  t.equal(readFileSync(`${cwd}/egress.lock`, 'utf8'), text, 'the same log changes nothing')
  t.match(await outcome(lock, ['update', '--stable-after', '1', 'out'], { cwd }), {
    exitCode: 0,
    stdout: '',
    stderr: /; stable/,
  })
  t.match(readFileSync(`${cwd}/egress.lock`, 'utf8'), /stableAfter: 1\n[^]* runs: 2\n/)
  t.match(await outcome(lock, ['update', 'out', 'a.ndjson', '--lock', 'other.lock', '--stable-after=1'], { cwd }), {
    exitCode: 0,
  })
  t.equal(
    readFileSync(`${cwd}/other.lock`, 'utf8'),
    readFileSync(`${cwd}/egress.lock`, 'utf8'),
    'both at once, in another order',
  )
})

t.test('lock check: a line for each difference, and exit 1', async t => {
  const cwd = t.testdir({ 'a.ndjson': first, 'b.ndjson': odd })
  await outcome(lock, ['update', 'a.ndjson'], { cwd })
  const before = readFileSync(`${cwd}/egress.lock`, 'utf8')
  t.match(await outcome(lock, ['check', 'a.ndjson'], { cwd }), { exitCode: 0, stdout: '' })
  const checked = await outcome(lock, ['check', 'b.ndjson'], { cwd })
  t.match(checked, { exitCode: 1, stdout: /^build: [^\n]*x\.acme\.test[^\n]*\n$/ })
  t.equal(readFileSync(`${cwd}/egress.lock`, 'utf8'), before)
})

t.test('lock update: what is known for exfiltration is not taken up unread', async t => {
  const cwd = t.testdir({ 'a.ndjson': await writeLog([request('webhook.site')], 'build') })
  const { stderr, stdout } = await outcome(lock, ['update', 'a.ndjson'], { cwd })
  t.equal(stdout, '')
  t.match(stderr, 'webhook.site')
  t.match(readFileSync(`${cwd}/egress.lock`, 'utf8'), 'endpoints: []')
})

t.test('lock update: a log that was changed is refused, and the lock stays', async t => {
  const cwd = t.testdir({ 'a.ndjson': first, 'b.ndjson': odd.replace('x.acme.test', 'y.acme.test') })
  await outcome(lock, ['update', 'a.ndjson'], { cwd })
  const before = readFileSync(`${cwd}/egress.lock`, 'utf8')
  t.match(await outcome(lock, ['update', 'b.ndjson'], { cwd }), {
    error: { code: 'LOG_INVALID', message: /b\.ndjson/ },
  })
  writeFileSync(`${cwd}/egress.lock`, `${before}oops\n`)
  t.match(await outcome(lock, ['update', 'a.ndjson'], { cwd }), { error: { code: 'LOCK_INVALID' } })
  t.equal(readFileSync(`${cwd}/egress.lock`, 'utf8'), `${before}oops\n`, 'a broken lock is not written over')
})

t.test('fleet: classes, in text and JSON', async t => {
  const later = Date.parse('2026-01-02T12:00:00Z')
  const logs = await Promise.all(
    ['npm', 'pypi', 'crates'].flatMap(name => [
      writeLog([request(`${name}.acme.test`)], name),
      writeLog(
        [request(`${name}.acme.test`, { startedAt: later }), request('ip.example.com', { startedAt: later })],
        name,
      ),
    ]),
  )
  const cwd = t.testdir(Object.fromEntries(logs.map((text, index) => [`${index}.ndjson`, text])))
  const names = logs.map((_, index) => `${index}.ndjson`)
  const all = await outcome(fleet, ['--json', ...names], { cwd })
  t.equal(all.exitCode, 0)
  t.match(JSON.parse(all.stdout), {
    version: 1,
    jobs: 3,
    runs: 6,
    findings: [{ class: 'infrastructure', host: 'ip.example.com', jobs: ['crates', 'npm', 'pypi'], groups: 3 }],
  })
  t.match(await outcome(fleet, names.slice(0, 2), { cwd }), { exitCode: 1, stdout: /Suspicious\n {2}ip\.example\.com/ })
  t.match(await outcome(fleet, ['--unrelated', '4', ...names], { cwd }), { exitCode: 1 })
})

const faults: readonly (readonly [command: typeof lock, args: readonly string[], code: string])[] = [
  [lock, [], 'USAGE'],
  [lock, ['remove', 'a.ndjson'], 'USAGE'],
  [lock, ['update'], 'USAGE'],
  [lock, ['update', '--stable-after', '0', 'a.ndjson'], 'USAGE'],
  [lock, ['check', '--stable-after', '3', 'a.ndjson'], 'USAGE'],
  [lock, ['update', '--lock=', 'a.ndjson'], 'USAGE'],
  [lock, ['check', 'a.ndjson'], 'LOCK_INVALID'],
  [lock, ['update', 'missing.ndjson'], 'LOG_INVALID'],
  [lock, ['update', 'empty.ndjson'], 'LOG_INVALID'],
  [lock, ['update', '--lock', 'no/such/folder', 'a.ndjson'], 'OUT_UNWRITABLE'],
  [fleet, [], 'USAGE'],
  [fleet, ['--unrelated', '1', 'a.ndjson'], 'USAGE'],
  [fleet, ['--within', 'x', 'a.ndjson'], 'USAGE'],
  [fleet, ['--lock', 'missing', 'a.ndjson'], 'LOCK_INVALID'],
  [fleet, ['missing.ndjson'], 'LOG_INVALID'],
]
for (const [command, args, code] of faults) {
  t.test(`${command.name}: fails with ${code}, for '${args.join(' ')}'`, async t => {
    const cwd = t.testdir({ 'a.ndjson': first, 'empty.ndjson': '' })
    t.equal((await outcome(command, args, { cwd })).error?.code, code)
  })
}

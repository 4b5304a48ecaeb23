import t from 'tap'
import { permissions } from '../../../gateway/cli/permissions.ts'
import { outcome } from './outcome.ts'

const line = {
  v: 1,
  seq: 0,
  time: '2026-01-01T00:00:00.000Z',
  job: 'unit',
  layer: 'http',
  host: 'api.github.com',
  port: 443,
  method: 'GET',
  path: '/repos/acme/app/actions/runs',
  status: 200,
  verdict: 'allow',
  reason: 'rule',
  token: '0123456789abcdef',
  prev: '0'.repeat(64),
}

await t.test('permissions: several logs, files and folders; each token of each log by itself', async t => {
  const log = `${JSON.stringify(line)}\n`
  const cwd = t.testdir({ 'a.ndjson': log, out: { 'egress.ndjson': log } })
  const json = await outcome(permissions, ['a.ndjson', 'out', '--format', 'json'], { cwd })
  t.equal(json.exitCode, 0)
  t.equal(JSON.parse(json.stdout).tokens.length, 2)
  const yaml = await outcome(permissions, ['a.ndjson'], { cwd })
  t.match(yaml.stdout, 'permissions:\n  # GET /repos/{owner}/{repo}/actions/runs\n  actions: read\n')
})

await t.test('permissions: what is wrong with the command or a log is one line', async t => {
  const cwd = t.testdir({ 'broken.ndjson': `${JSON.stringify(line)}\n{"v":1\n`, 'other.txt': 'no log\n' })
  const codes = [
    [[], 'USAGE'],
    [['--format', 'xml', 'broken.ndjson'], 'USAGE'],
    [['nowhere.ndjson'], 'LOG_INVALID'],
    [['broken.ndjson'], 'LOG_INVALID'],
    [['other.txt'], 'LOG_INVALID'],
  ] as const
  for (const [args, code] of codes)
    t.equal((await outcome(permissions, args, { cwd })).error?.code, code, args.join(' '))
})

await t.test('permissions: a log without tokens, and one that was changed, are said', async t => {
  const { token: _, ...anonymous } = line
  const cwd = t.testdir({
    'none.ndjson': `${JSON.stringify(anonymous)}\n`,
    'changed.ndjson': `${JSON.stringify(line)}\n${JSON.stringify({ ...line, seq: 1 })}\n`,
  })
  const none = await outcome(permissions, ['none.ndjson', '--format', 'json'], { cwd })
  t.same(JSON.parse(none.stdout), { tokens: [] })
  t.match(none.stderr, /`tokens`/)
  const changed = await outcome(permissions, ['changed.ndjson'], { cwd })
  t.equal(changed.exitCode, 0)
  t.match(changed.stderr, /changed\.ndjson: the log was changed/)
})

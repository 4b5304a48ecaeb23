import { execa } from 'execa'
import { copyFile, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getuid } from 'node:process'
import t, { type Test } from 'tap'
import type { FlowEvent } from '../../../gateway/record/event.ts'
import { openJobRecord, type JobRecord, type JobRecordOptions } from '../../../gateway/record/job-record.ts'
import { summariseLog } from '../../../gateway/record/summarise-log.ts'
import { assertValidLog } from '../../schema.ts'
import { sampleJob } from './sample-job.ts'

const policyDigest = 'ab'.repeat(32)

async function open(
  dir: string,
  options: Partial<JobRecordOptions> = {},
): Promise<{ record: JobRecord; troubles: unknown[] }> {
  const troubles: unknown[] = []
  const onTrouble = (error: unknown): number => troubles.push(error)
  const base = {
    dir,
    job: 'build',
    mode: 'block',
    policyDigest,
    version: '0.0.0',
    now: () => 1_000_000,
    onLogFailure: 'deny',
    onTrouble,
  } as const
  return { record: await openJobRecord({ ...base, ...options }), troubles }
}

const event = (host: string): FlowEvent => ({
  layer: 'dns',
  startedAt: 1_000_000,
  host,
  verdict: 'deny',
  reason: 'no-rule',
})

await t.test('openJobRecord(): a job ends with a valid, sealed log and both summaries', async t => {
  const dir = join(t.testdir(), 'out')
  const { record, troubles } = await open(dir)
  record.note('proved', { details: { checks: ['the probe reached the gateway'] } })
  record.note('checkpoint', { details: { note: 'after\ninstall' } })
  for (const flow of sampleJob()) record.sink.write(flow)
  const { intact, summary } = await record.seal()
  t.ok(intact)
  t.same(troubles, [])
  const lines = await assertValidLog(join(dir, 'egress.ndjson'))
  t.match(lines[0], { layer: 'job', event: 'started', details: { mode: 'block', policy: policyDigest } })
  t.match(lines.at(-1), { event: 'sealed', details: { allow: 6, deny: 65 } })
  t.same((await readdir(dir)).toSorted(), ['egress.ndjson', 'summary.json', 'summary.md'])
  t.same(JSON.parse(await readFile(join(dir, 'summary.json'), 'utf8')), JSON.parse(JSON.stringify(summary)))
  t.match(await readFile(join(dir, 'summary.md'), 'utf8'), /^## Tidegate: /)
})

await t.test('openJobRecord(): the summary of the running job is the summary of its log', async t => {
  const dir = t.testdir()
  let now = 1_000_000
  const { record } = await open(dir, { now: () => now })
  for (const flow of sampleJob()) record.sink.write(flow)
  record.sink.write({ ...event('late.test'), startedAt: now + 60_000.9, durationMs: 10.2 })
  record.degrade('capability', 'CAP_NET_ADMIN')
  now += 90_000
  const { summary } = await record.seal()
  t.same(await summariseLog(join(dir, 'egress.ndjson'), AbortSignal.timeout(10_000)), summary)
})

await t.test('openJobRecord(): a log that is there is kept, numbered upwards', async t => {
  const dir = t.testdir({ 'egress.ndjson': 'first\n', 'egress.1.ndjson': 'older\n' })
  const { record } = await open(dir)
  await record.seal()
  t.equal(await readFile(join(dir, 'egress.1.ndjson'), 'utf8'), 'older\n')
  t.equal(await readFile(join(dir, 'egress.2.ndjson'), 'utf8'), 'first\n')
  await assertValidLog(join(dir, 'egress.ndjson'))
})

await t.test('openJobRecord(): a directory that cannot be made is OUT_UNWRITABLE', async t => {
  const dir = t.testdir({ file: '' })
  await t.rejects(open(join(dir, 'file', 'out')), { code: 'OUT_UNWRITABLE' })
})

await t.test('openJobRecord(): flows go to every sink, redacted, with ids of their own', async t => {
  const seen: FlowEvent[] = []
  const { record } = await open(t.testdir(), { extraSinks: [{ write: flow => void seen.push(flow) }] })
  const ids = new Set(Array.from({ length: 100 }, () => record.newFlowId()))
  t.equal(ids.size, 100)
  {
    using flow = record.openFlow({ layer: 'http', verdict: 'allow', reason: 'rule', path: '/a?secret=1' })
    flow.sent = 3
  }
  await record.flushed()
  t.match(seen.at(-1), { path: '/a', bytesSent: 3, startedAt: 1_000_000 })
  await record.seal()
})

await t.test('seal(): a log that the job rewrote, removed or cut is found, and the report is the true one', async t => {
  const attacks: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
    'a line removed': async path =>
      writeFile(path, (await readFile(path, 'utf8')).split('\n').toSpliced(1, 1).join('\n')),
    'a log of its own': path => writeFile(path, '{"v":1,"seq":0}\n'),
    removed: path => rm(path),
    emptied: path => writeFile(path, ''),
    'a copy in its place': async path => {
      await copyFile(path, `${path}.copy`)
      await rename(`${path}.copy`, path)
    },
    // Whoever opens it for reading waits for a writer.
    'a pipe in its place': async path => {
      await rm(path)
      await execa('mkfifo', [path])
    },
    'a link to a file without end': async path => {
      await rm(path)
      await symlink('/dev/zero', path)
    },
  }
  for (const [name, attack] of Object.entries(attacks)) {
    const dir = t.testdir()
    const { record } = await open(dir)
    record.sink.write(event('evil.example.com'))
    await record.flushed()
    await attack(join(dir, 'egress.ndjson'))
    const { intact, summary } = await record.seal()
    t.notOk(intact, name)
    t.match(summary.degraded, [{ kind: 'log-changed' }], name)
    t.match(summary.refused, [{ host: 'evil.example.com' }], name)
  }
})

await t.test('seal(): a link that the job put in the place of a summary is replaced, not followed', async t => {
  const dir = t.testdir({ out: {}, precious: 'untouched' })
  const { record } = await open(join(dir, 'out'))
  await symlink(join(dir, 'precious'), join(dir, 'out', 'summary.json'))
  await record.seal()
  t.equal(await readFile(join(dir, 'precious'), 'utf8'), 'untouched')
  t.match(JSON.parse(await readFile(join(dir, 'out', 'summary.json'), 'utf8')), { version: 1 })
})

await t.test('seal(): a folder that the job moved, with a link in its place, is still where we write', async t => {
  const dir = t.testdir({ workspace: { out: {} }, precious: { 'summary.json': 'untouched' } })
  const out = join(dir, 'workspace', 'out')
  const { record, troubles } = await open(out)
  record.sink.write(event('evil.example.com'))
  await record.flushed()
  await rename(out, join(dir, 'workspace', 'gone'))
  await symlink(join(dir, 'precious'), out)
  const { intact, summary } = await record.seal()
  t.notOk(intact)
  t.match(summary.degraded, [{ kind: 'log-changed' }])
  t.match(troubles, [{ code: 'LOG_INVALID' }])
  t.same(await readdir(join(dir, 'precious')), ['summary.json'])
  t.equal(await readFile(join(dir, 'precious', 'summary.json'), 'utf8'), 'untouched')
  t.match(await readdir(join(dir, 'workspace', 'gone')), ['egress.ndjson', 'summary.json', 'summary.md'])
})

/** Runs `use` with a disk of 64 KiB. */
async function withSmallDisk(t: Test, use: (dir: string) => Promise<void>): Promise<void> {
  const dir = join(t.testdir(), 'disk')
  await mkdir(dir)
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir])
  try {
    await use(dir)
  } finally {
    await execa('umount', ['--lazy', dir])
  }
}

const skip = getuid?.() === 0 ? false : 'needs root to mount a small disk'

await t.test(
  'recordFailed: a full disk stops new flows in block mode, and everything is there once there is room',
  { skip },
  async t => {
    await withSmallDisk(t, async dir => {
      await writeFile(join(dir, 'filler'), Buffer.alloc(48 * 1_024))
      const { record, troubles } = await open(dir)
      for (let index = 0; index < 200; index += 1) record.sink.write(event(`n${index}.example.com`))
      await record.flushed()
      t.ok(record.failed)
      t.match(troubles, [{ code: 'LOG_WRITE_FAILED' }])
      await rm(join(dir, 'filler'))
      const { summary, intact } = await record.seal()
      t.ok(intact)
      t.match(summary.log, { state: 'sealed', lost: 0 })
      t.match(summary.degraded, [{ kind: 'log-failure' }])
      t.equal((await assertValidLog(join(dir, 'egress.ndjson'))).length, 203)
    })
  },
)

await t.test('recordFailed: stays false on a full disk when the policy says allow, and in audit', { skip }, async t => {
  for (const options of [{ onLogFailure: 'allow' }, { mode: 'audit' }] as const) {
    await withSmallDisk(t, async dir => {
      await writeFile(join(dir, 'filler'), Buffer.alloc(60 * 1_024))
      const { record } = await open(dir, options)
      for (let index = 0; index < 200; index += 1) record.sink.write(event(`n${index}.example.com`))
      await record.flushed()
      t.notOk(record.failed)
      await rm(join(dir, 'filler'))
      await record.seal()
    })
  }
})

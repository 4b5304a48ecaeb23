import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { openJobSocket, type JobSocketOptions } from '../../../gateway/serve/job-socket.ts'
import { policyOf } from '../policy/sample.ts'
import { FakeDeskJob } from './desk-job.ts'

const platform = policyOf({ allow: ['**.acme.example'] })

/** A job's socket in a folder of its own; both are gone at the end of the test. */
async function served(t: Test, more: Partial<JobSocketOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-job-socket-'))
  const job = new FakeDeskJob(platform)
  const path = join(folder, 'job.sock')
  const faults: unknown[] = []
  const server = await openJobSocket(
    { path, job, onFault: cause => faults.push(cause), ...more },
    AbortSignal.timeout(9_000),
  )
  t.teardown(async () => {
    await server[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
    if (faults.length > 0) throw new AggregateError(faults, 'what should never happen')
  })
  return { job, path, server }
}

/** Everything that comes until the other side ends or breaks off. */
async function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  socket.on('error', () => socket.destroy())
  await new Promise<void>(resolve => socket.once('close', () => resolve()))
  return text
}

/** Sends `text` and the end, and gives the replies. */
async function ask(path: string, text: string): Promise<{ readonly [key: string]: unknown }[]> {
  const socket = createConnection({ path, allowHalfOpen: false })
  socket.end(text)
  return (await readAll(socket))
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
}

const line = (request: unknown): string => `${JSON.stringify(request)}\n`

t.test('openJobSocket(): each line gets its reply, in order, also after the client has ended its side', async t => {
  const { path, job } = await served(t)
  const policy = JSON.stringify({ version: 1, mode: 'block', allow: ['npm.acme.example'] })
  const replies = await ask(
    path,
    [{ op: 'claim', by: 'run 7' }, { op: 'claim', by: 'run 8' }, { op: 'narrow', policy }, { op: 'summary' }]
      .map(line)
      .join(''),
  )
  t.match(replies, [
    { ok: true, job: 'build' },
    { ok: false, code: 'JOB_CLAIMED' },
    { ok: true, mode: 'block' },
    { ok: true, summary: { version: 1 } },
  ])
  t.same(job.claims, ['run 7'])
})

t.test('openJobSocket(): a request may come in pieces, and its reply before the end', async t => {
  const { path } = await served(t)
  const socket = createConnection({ path })
  const whole = line({ op: 'claim', by: 'run 7' })
  socket.write(whole.slice(0, 9))
  await once(socket, 'connect')
  socket.write(whole.slice(9))
  const [reply] = await once(socket, 'data')
  t.match(JSON.parse(String(reply)), { ok: true })
  socket.destroy()
})

t.test('openJobSocket(): who has to wait for an answer gets it, and what was asked after it in its turn', async t => {
  const { path, job } = await served(t)
  const reading = Promise.withResolvers<void>()
  const commit = 'ab'.repeat(20)
  job.sources = {
    async checkpoint() {
      await reading.promise
      return { ok: true, commit, files: 1, changed: 0 }
    },
    manifest: () => undefined,
  }
  const slow = ask(path, line({ op: 'checkpoint', folder: '/src' }) + line({ op: 'claim', by: 'run 7' }))
  t.match(await ask(path, line({ op: 'summary' })), [{ ok: true }], 'others do not wait')
  t.strictSame(job.claims, [], 'one at a time')
  reading.resolve()
  t.match(await slow, [
    { ok: true, commit },
    { ok: true, job: 'build' },
  ])
})

t.test('openJobSocket(): what is no request is said, and changes nothing', async t => {
  const { path, job } = await served(t)
  const bad = ['not json\n', '{"op":"widen"}\n', '{"op":"claim"}\n', '{"op":"claim","by":"a","more":1}\n', '[]\n', '\n']
  const replies = await ask(
    path,
    [...bad, line({ op: 'claim', by: 'a\u001b[31m' }), line({ op: 'claim', by: '' })].join(''),
  )
  t.equal(replies.length, 8)
  for (const reply of replies) t.match(reply, { ok: false, code: 'REQUEST_INVALID' })
  t.same(job.claims, [])
  t.equal(job.policy, platform)
})

t.test('openJobSocket(): a line without end is refused when it is too long', async t => {
  const { path } = await served(t)
  const replies = await ask(path, 'x'.repeat(70_000))
  t.match(replies, [{ ok: false, code: 'REQUEST_INVALID', error: /65536/ }])
})

t.test('openJobSocket(): who says nothing is ended, and too many at once are turned away', async t => {
  const { path } = await served(t, { lifeMs: 200 })
  const silent = Array.from({ length: 16 }, () => createConnection({ path }))
  await Promise.all(silent.map(socket => once(socket, 'connect')))
  t.equal(await readAll(createConnection({ path })), '')
  for (const text of await Promise.all(silent.map(readAll))) t.equal(text, '')
  t.match(await ask(path, line({ op: 'claim', by: 'run 7' })), [{ ok: true }], 'then there is room again')
})

t.test('openJobSocket(): everyone in the job may connect; nothing is left at the end', async t => {
  const { path, server } = await served(t)
  t.equal(statSync(path).mode & 0o777, 0o666)
  await server[Symbol.asyncDispose]()
  t.notOk(existsSync(path))
})

t.test('openJobSocket(): a socket that a dead gateway left is replaced', async t => {
  const { path, server } = await served(t)
  await server[Symbol.asyncDispose]()
  const other = await openJobSocket(
    { path, job: new FakeDeskJob(platform), onFault: t.error },
    AbortSignal.timeout(9_000),
  )
  t.match(await ask(path, line({ op: 'summary' })), [{ ok: true }])
  await other[Symbol.asyncDispose]()
})

t.test('openJobSocket(): P3: whatever is sent, the job’s policy never allows more', async t => {
  const { path, job } = await served(t)
  const junk = fc.array(
    fc.oneof(
      fc.string({ maxLength: 50 }),
      fc.json({ maxDepth: 2 }),
      fc.string({ maxLength: 30 }).map(policy => JSON.stringify({ op: 'narrow', policy })),
    ),
    { maxLength: 5 },
  )
  await fc.assert(
    fc.asyncProperty(junk, async lines => {
      const replies = await ask(path, lines.map(text => `${text.replaceAll('\n', ' ')}\n`).join(''))
      return replies.length === lines.length && job.policy === platform
    }),
    { numRuns: 60 },
  )
  t.pass('held for everything that was generated')
})

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { IdleLimits } from '../../../gateway/upstream/idle.ts'
import { openOriginTls } from '../../../gateway/upstream/origin-tls.ts'
import { openOrigins } from '../../../gateway/upstream/origins.ts'
import type { Denied } from '../../../gateway/upstream/outside.ts'
import type { UpstreamConnection, UpstreamPool } from '../../../gateway/upstream/pool.ts'
import { address, FakeJob, hostname, policyOf, port } from '../door/fake-job.ts'
import { portOf } from '../http/harness.ts'

const never = new AbortController().signal
const limits: IdleLimits = { maxIdle: 2, idleMs: 10_000, recentMs: 1_000 }

async function pool(
  t: Test,
  own: Partial<IdleLimits> = {},
  resolved = '203.0.113.1',
): Promise<{ pool: UpstreamPool; accepted: Socket[]; job: FakeJob }> {
  const accepted: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, socket => {
    accepted.push(socket)
    socket.on('error', () => undefined)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const job = new FakeJob(policyOf('block', ['http://api.example.test'], 'private: [10.20.0.0/16]\n'))
  const origins = openOrigins({
    job,
    resolver: { resolve: () => Promise.resolve([address(resolved)]) },
    tls: openOriginTls([]),
    connect: () => connect({ host: '127.0.0.1', port: portOf(server) }),
    limits: { ...limits, ...own },
  })
  t.teardown(() => {
    origins[Symbol.dispose]()
    for (const socket of accepted) socket.destroy()
    server.close()
  })
  return { pool: origins.pool(hostname('api.example.test'), port(80), 'http'), accepted, job }
}

async function acquired(connection: Promise<UpstreamConnection | Denied>): Promise<UpstreamConnection> {
  const got = await connection
  if ('verdict' in got) throw new Error(`denied: ${got.reason}`)
  return got
}

async function closed(socket: Socket): Promise<void> {
  // Not once(): it would reject with the socket's error.
  if (!socket.closed) await new Promise<void>(resolve => socket.on('close', () => resolve()))
}

t.test('UpstreamPool: what is released is lent again, the last first', async t => {
  const { pool: it, accepted } = await pool(t)
  const a = await acquired(it.acquire('http/1.1', 'any', never))
  const b = await acquired(it.acquire('http/1.1', 'any', never))
  t.match(a, { reused: false, address: '203.0.113.1', alpn: 'http/1.1' })
  it.release(a)
  it.release(b)
  const again = await acquired(it.acquire('http/1.1', 'any', never))
  t.equal(again.socket, b.socket)
  t.equal(again.reused, true)
  t.equal(again.socket.isPaused(), true)
  t.equal(again.socket.listenerCount('data'), 0)
  t.equal(accepted.length, 2)
})

t.test('UpstreamPool: a second release of the same connection does nothing', async t => {
  const { pool: it } = await pool(t)
  const a = await acquired(it.acquire('http/1.1', 'any', never))
  it.release(a)
  it.release(a)
  const first = await acquired(it.acquire('http/1.1', 'any', never))
  const second = await acquired(it.acquire('http/1.1', 'any', never))
  t.not(first.socket, second.socket)
})

t.test('UpstreamPool: more than maxIdle are not kept', async t => {
  const { pool: it } = await pool(t)
  const lent = await Promise.all([1, 2, 3].map(() => acquired(it.acquire('http/1.1', 'none', never))))
  for (const connection of lent) it.release(connection)
  t.strictSame(
    lent.map(({ socket }) => socket.destroyed),
    [true, false, false],
  )
})

const spoils: readonly [string, (accepted: Socket, ours: Socket) => void][] = [
  ['the origin ends', accepted => void accepted.end()],
  ['the origin resets', accepted => void accepted.resetAndDestroy()],
  ['the origin speaks unasked', accepted => void accepted.write('HTTP/1.1 408 Request Timeout\r\n\r\n')],
]
for (const [sentence, spoil] of spoils) {
  t.test(`UpstreamPool: a kept connection is dropped when ${sentence}`, async t => {
    const { pool: it, accepted } = await pool(t)
    const a = await acquired(it.acquire('http/1.1', 'any', never))
    it.release(a)
    while (accepted[0] === undefined) await new Promise(resolve => setImmediate(resolve))
    spoil(accepted[0], a.socket)
    await closed(a.socket)
    t.not((await acquired(it.acquire('http/1.1', 'any', never))).socket, a.socket)
  })
}

t.test('UpstreamPool: a kept connection is dropped after idleMs', async t => {
  const { pool: it } = await pool(t, { idleMs: 20 })
  const a = await acquired(it.acquire('http/1.1', 'any', never))
  it.release(a)
  await closed(a.socket)
  t.pass('closed')
})

t.test('UpstreamPool: recent takes only what was in use just now, none takes nothing', async t => {
  const { pool: it } = await pool(t, { recentMs: 1_000 })
  const a = await acquired(it.acquire('http/1.1', 'any', never))
  it.release(a)
  t.not((await acquired(it.acquire('http/1.1', 'none', never))).socket, a.socket)
  t.equal((await acquired(it.acquire('http/1.1', 'recent', never))).socket, a.socket)
  const { pool: old } = await pool(t, { recentMs: -1 })
  const b = await acquired(old.acquire('http/1.1', 'any', never))
  old.release(b)
  t.not((await acquired(old.acquire('http/1.1', 'recent', never))).socket, b.socket)
})

t.test('UpstreamPool: N19 a policy that closes the range closes the kept connection', async t => {
  const { pool: it, job } = await pool(t, {}, '10.20.0.1')
  const a = await acquired(it.acquire('http/1.1', 'any', never))
  it.release(a)
  job.policy = policyOf('block', ['http://api.example.test'])
  t.match(await it.acquire('http/1.1', 'any', never), { verdict: 'deny', reason: 'private-address' })
  t.equal(a.socket.destroyed, true)
})

t.test('UpstreamPool: over plain HTTP an origin speaks HTTP/1.1 without being asked', async t => {
  const { pool: it, accepted } = await pool(t)
  t.strictSame(await it.contact(['h2', 'http/1.1'], never), { alpn: 'http/1.1' })
  t.equal(accepted.length, 0)
})

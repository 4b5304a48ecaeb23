import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import t from 'tap'
import { DialLimit } from '../../../gateway/upstream/dial-limit.ts'
import { openOriginTls } from '../../../gateway/upstream/origin-tls.ts'
import { openOrigins } from '../../../gateway/upstream/origins.ts'
import { address, FakeJob, policyOf } from './fake-job.ts'
import { Loopback } from './loopback.ts'
import { exchange, readAll } from './tls-client.ts'

const a = 'a.example.com'
const echo = () => createServer({ allowHalfOpen: true }, socket => socket.on('error', () => {}).pipe(socket))

function echoed(at: number): Promise<string> {
  const client = connect(at, '127.0.0.1')
  client.end('x')
  return readAll(client)
}

t.test('Door: connections that come too fast are reset, and counted without a line for each (P9)', async t => {
  await using gateway = new Loopback(policyOf('block', [`tcp://${a}:9`]), {
    limits: { newConnections: { perSecond: 0.001, burst: 2 } },
  })
  await gateway.origin(echo(), 9)
  const at = await gateway.toward(a, 9)
  for (let index = 0; index < 2; index += 1) t.equal(await echoed(at), 'x')
  for (let index = 0; index < 20; index += 1) t.equal(await exchange(at, 'x'), 'ECONNRESET')
  gateway.door[Symbol.dispose]()
  const refused = gateway.job.events.filter(({ error }) => error === 'JOB_LIMIT')
  t.match(refused, [
    { layer: 'tcp', host: a, port: 9, verdict: 'deny', reason: 'too-large', packets: undefined },
    { layer: 'tcp', verdict: 'deny', reason: 'too-large', packets: 19 },
  ])
  t.equal(refused.length, 2)
  t.equal(gateway.job.open, 0)
})

t.test('Door: DNS over TCP counts as a connection, too', async t => {
  await using gateway = new Loopback(policyOf('block', []), {
    limits: { newConnections: { perSecond: 0.001, burst: 1 } },
  })
  const at = await gateway.toward('203.0.113.53', 53)
  const first = connect(at, '127.0.0.1')
  await once(first, 'connect')
  t.equal(await exchange(at, 'x'), 'ECONNRESET')
  t.equal(gateway.dnsConnections.length, 1)
  first.destroy()
  for (const socket of gateway.dnsConnections) socket.destroy()
})

t.test('Door: nobody is looked for behind a connection over the limit', async t => {
  await using gateway = new Loopback(policyOf('block', []), { limits: { maxConnections: 0 } })
  let asked = 0
  gateway.job.attribute = () => {
    asked += 1
    return Promise.resolve(undefined)
  }
  t.equal(await exchange(await gateway.toward(a), 'x'), 'ECONNRESET')
  t.equal(asked, 0)
})

t.test('DialLimit.run(): what is too many is refused at once, and what has ended makes room', async t => {
  const limit = new DialLimit(1)
  const first = Promise.withResolvers<number>()
  const dialling = limit.run(() => first.promise)
  await t.rejects(
    limit.run(async () => 2),
    { code: 'JOB_LIMIT' },
  )
  first.resolve(1)
  t.equal(await dialling, 1)
  await t.rejects(
    limit.run(() => Promise.reject(new Error('refused'))),
    { message: 'refused' },
  )
  t.equal(await limit.run(async () => 3), 3)
})

t.test('Door: a job whose origins do not answer is refused, another job of the same gateway goes on', async t => {
  const stuck = new DialLimit(4)
  const never = new AbortController()
  t.teardown(() => never.abort(new Error('the test is over')))
  await using flooding = new Loopback(policyOf('block', [`tcp://${a}:9`]), {
    dial: (_target, signal) =>
      stuck.run(() => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))),
  })
  await using other = new Loopback(policyOf('block', [`tcp://${a}:9`]))
  await other.origin(echo(), 9)
  const at = await flooding.toward(a, 9)
  const waiting = Array.from({ length: 4 }, () => connect(at, '127.0.0.1').on('error', () => {}))
  while (flooding.job.open < 4) await new Promise(resolve => setImmediate(resolve))
  t.equal(await exchange(at, 'x'), 'ECONNRESET')
  t.match(flooding.job.events, [{ host: a, verdict: 'deny', reason: 'too-large', error: 'JOB_LIMIT' }])
  t.equal(await echoed(await other.toward(a, 9)), 'x')
  for (const socket of waiting) socket.destroy()
})

t.test('OriginPool: what is dialled for requests counts, and the client is told', async t => {
  const dials = new DialLimit(0)
  const job = new FakeJob(policyOf('block', [`http://${a}`]))
  const resolver = { resolve: () => Promise.resolve([address('203.0.113.10')]) }
  const origins = openOrigins({ job, resolver, tls: openOriginTls([]), dials })
  await using limited = new Loopback(policyOf('block', [`http://${a}`]), { origins })
  const answer = await exchange(
    await limited.toward(a, 80),
    `GET / HTTP/1.1\r\nHost: ${a}\r\nConnection: close\r\n\r\n`,
  )
  t.match(answer, /^HTTP\/1.1 503 [^]*x-tidegate-error: JOB_LIMIT/)
  t.match(await limited.job.recorded(1), [{ verdict: 'deny', reason: 'too-large', error: 'JOB_LIMIT', status: 503 }])
})

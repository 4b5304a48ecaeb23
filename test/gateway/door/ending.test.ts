import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import t from 'tap'
import { policyOf } from './fake-job.ts'
import { Loopback } from './loopback.ts'

const host = 'log.example.com'
const rules = [`tcp://${host}:9000`]

/** A gateway before an origin that takes connections and does not read them, and a client of it. */
async function openPair(gateway: Loopback): Promise<{ readonly client: Socket; readonly atOrigin: Socket }> {
  const accepted = Promise.withResolvers<Socket>()
  const origin = createServer({ allowHalfOpen: true, pauseOnConnect: true }, socket => accepted.resolve(socket))
  await gateway.origin(origin, 9000)
  const client = connect({ host: '127.0.0.1', port: await gateway.toward(host, 9000), allowHalfOpen: true })
  client.on('error', () => {})
  await once(client, 'connect')
  const atOrigin = await accepted.promise
  atOrigin.on('error', () => {})
  return { client, atOrigin }
}

t.test('Door.drained(): what the job has sent and not seen out goes out', async t => {
  await using gateway = new Loopback(policyOf('block', rules), { limits: { quietMs: 5_000, drainMs: 20_000 } })
  const { client, atOrigin } = await openPair(gateway)
  client.end(Buffer.alloc(8_000_000))
  let arrived = 0
  atOrigin.on('data', bytes => (arrived += bytes.length)).on('end', () => atOrigin.end())
  const drained = gateway.door.drained()
  atOrigin.resume()
  await drained
  await gateway.door.end()
  t.equal(arrived, 8_000_000)
  t.match(gateway.job.events, [{ layer: 'tcp', host, bytesSent: 8_000_000, error: undefined }])
})

t.test('Door.drained(): does not wait for a connection on which nothing moves', async t => {
  await using gateway = new Loopback(policyOf('block', rules), { limits: { quietMs: 10, drainMs: 60_000 } })
  const { client } = await openPair(gateway)
  await gateway.door.drained()
  t.equal(client.destroyed, false)
})

t.test('Door.end(): every connection is written down, one that had said all as whole', async t => {
  await using gateway = new Loopback(policyOf('block', rules))
  const first = await openPair(gateway)
  first.atOrigin.resume()
  first.client.end('all')
  await once(first.atOrigin, 'end')
  const second = await openPair(gateway)
  second.client.write('half')
  await once(second.atOrigin.resume(), 'data')
  await gateway.door.end()
  t.match(
    gateway.job.events.toSorted((a, b) => (a.bytesSent ?? 0) - (b.bytesSent ?? 0)),
    [
      { layer: 'tcp', bytesSent: 3, error: undefined },
      { layer: 'tcp', bytesSent: 4, error: 'CLIENT_ABORTED' },
    ],
  )
})

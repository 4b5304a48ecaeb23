import { createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import { policyOf } from './fake-job.ts'
import { Loopback, originIdentity } from './loopback.ts'
import { readAll, tlsClient } from './tls-client.ts'
import { connect, createServer, type Socket } from 'node:net'
import { once } from 'node:events'
import { accept } from '../../../gateway/door/accept.ts'

const a = 'a.example.com'
const get = `GET / HTTP/1.1\r\nHost: ${a}\r\nConnection: close\r\n\r\n`
const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'
const origin = () =>
  createTlsServer(originIdentity(a), socket => void socket.on('error', () => {}).once('data', () => socket.end(answer)))

t.test('accept(): what should never happen costs one connection, not the gateway', async t => {
  const faults: unknown[] = []
  const broken = new TypeError('a bug')
  await using gateway = new Loopback(policyOf('block', [a]), {
    endpointsOf: () => {
      throw broken
    },
    onFault: cause => void faults.push(cause),
  })
  const listener = createServer((socket: Socket) => accept(socket, gateway.door))
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(() => listener.close())
  const bound = listener.address()
  const client = connect(bound !== null && typeof bound === 'object' ? bound.port : 0, '127.0.0.1')
  await readAll(client)
  t.strictSame(faults, [broken])
})

t.test('handleConnection(): a process that cannot be looked up does not lose its connection', async t => {
  const faults: unknown[] = []
  await using gateway = new Loopback(policyOf('block', [a]), { onFault: cause => void faults.push(cause) })
  const failure = new Error('no such process')
  gateway.job.attribute = () => Promise.reject(failure)
  await gateway.origin(origin())
  const client = await tlsClient(gateway, await gateway.toward(a), { servername: a })
  client.write(get)
  t.equal(await readAll(client), answer)
  t.strictSame(faults, [failure])
})

t.test('handleConnection(): handshakes over the limit wait for their turn, and none is lost (P9)', async t => {
  await using gateway = new Loopback(policyOf('block', [a]), { limits: { maxHandshakes: 2 } })
  await gateway.origin(origin())
  const port = await gateway.toward(a)
  const answers = await Promise.all(
    Array.from({ length: 30 }, async () => {
      const client = await tlsClient(gateway, port, { servername: a })
      client.write(get)
      return readAll(client)
    }),
  )
  t.equal(answers.filter(one => one === answer).length, 30)
  t.equal(gateway.door.terminator.inFlight, 0)
})

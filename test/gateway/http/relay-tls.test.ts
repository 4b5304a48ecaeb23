import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type TLSSocket } from 'node:tls'
import t from 'tap'
import { Authority } from '../../../gateway/ca/authority.ts'
import { policyOf } from '../door/fake-job.ts'
import { Loopback, originIdentity } from '../door/loopback.ts'

const all = policyOf('block', ['https://api.example.test'])
const h = 'Host: api.example.test\r\n'

async function client(gateway: Loopback): Promise<TLSSocket> {
  const port = await gateway.toward('api.example.test')
  const ca = gateway.authority.certificatePem
  const socket = connect({ host: '127.0.0.1', port, servername: 'api.example.test', ca, ALPNProtocols: ['http/1.1'] })
  socket.on('error', () => undefined)
  await once(socket, 'secureConnect')
  return socket
}

async function everything(socket: TLSSocket): Promise<Buffer> {
  const pieces: Buffer[] = []
  socket.on('data', (piece: Buffer) => pieces.push(piece))
  await new Promise<void>(resolve => socket.on('close', () => resolve()))
  return Buffer.concat(pieces)
}

const strangers = new Authority({ job: 'strangers', lifetimeHours: 1, now: Date.now() })

t.test(
  'relayHttp1(): T12 an origin whose certificate cannot be trusted is never accepted on the build’s behalf',
  async t => {
    let asked = 0
    await using gateway = new Loopback(all)
    await gateway.origin(createServer(originIdentity('api.example.test', strangers), () => void (asked += 1)))
    const socket = await client(gateway)
    socket.write(`GET / HTTP/1.1\r\n${h}Connection: close\r\n\r\n`)
    t.match((await everything(socket)).toString(), /^HTTP\/1.1 502 [^]*x-tidegate-error: UPSTREAM_CERTIFICATE/)
    t.equal(asked, 0)
    t.match(await gateway.job.recorded(1), [
      { layer: 'http', error: 'UPSTREAM_CERTIFICATE', status: 502, inspected: true },
    ])
  },
)

t.test('relayHttp1(): 16 MB each way arrive unchanged, and are counted', async t => {
  const size = 16 * 1024 * 1024
  const payload = Buffer.alloc(size, 'The quick brown fox jumps over the lazy dog. ')
  await using gateway = new Loopback(all)
  await gateway.origin(
    createServer(originIdentity('api.example.test'), socket => {
      let received = 0
      const hash = createHash('sha256')
      let head = Buffer.alloc(0)
      socket.on('data', (piece: Buffer) => {
        let body = piece
        if (received === 0 && !head.includes('\r\n\r\n')) {
          head = Buffer.concat([head, piece])
          const end = head.indexOf('\r\n\r\n')
          if (end < 0) return
          body = head.subarray(end + 4)
        }
        received += body.length
        hash.update(body)
        if (received < size) return
        socket.write(
          `HTTP/1.1 200 OK\r\nX-Hash: ${hash.digest('hex')}\r\nContent-Length: ${size}\r\nConnection: close\r\n\r\n`,
        )
        socket.end(payload)
      })
    }),
  )
  const socket = await client(gateway)
  socket.write(`PUT / HTTP/1.1\r\n${h}Content-Length: ${size}\r\n\r\n`)
  socket.write(payload)
  const answer = await everything(socket)
  const end = answer.indexOf('\r\n\r\n') + 4
  t.match(answer.subarray(0, end).toString(), createHash('sha256').update(payload).digest('hex'))
  t.ok(answer.subarray(end).equals(payload))
  const [event] = await gateway.job.recorded(1)
  t.equal(event?.bytesReceived, answer.length)
  t.ok((event?.bytesSent ?? 0) > size)
})

import { connect, createServer } from 'node:net'
import t from 'tap'
import { policyOf } from '../gateway/door/fake-job.ts'
import { hello, realHellos } from '../gateway/door/hello.ts'
import { Loopback } from '../gateway/door/loopback.ts'
import { random } from './random.ts'

const seed = Number(process.env['TIDEGATE_FUZZ_SEED'] ?? 20_261_122)
const connections = Number(process.env['TIDEGATE_FUZZ_CONNECTIONS'] ?? 1500)

const sink = () => createServer(socket => void socket.on('error', () => {}).once('data', () => socket.end('x')))

for (const mode of ['block', 'audit'] as const) {
  t.test(
    `handleConnection(): ${connections} connections of garbage leave nothing behind in ${mode} mode (T5, P9; seed ${seed})`,
    async t => {
      const next = random(seed)
      await using gateway = new Loopback(policyOf(mode, ['real.example.com', 'tcp://real.example.com:9']), {
        limits: { serverFirstMs: 20, refusalMs: 20 },
      })
      await gateway.origin(sink())
      await gateway.origin(sink(), 9)
      const ports = [
        await gateway.toward('real.example.com'),
        await gateway.toward('real.example.com', 9),
        await gateway.toward('denied.example.com'),
        await gateway.toward('203.0.113.66'),
      ]
      const corpus = [
        hello({ name: 'real.example.com' }),
        Buffer.from('GET / HTTP/1.1\r\n\r\n'),
        ...(await realHellos()).values(),
      ]
      const garbage = (): Buffer => {
        const bytes = Buffer.from(corpus[next(corpus.length)] ?? [])
        for (let changes = next(4); changes > 0; changes -= 1) bytes[next(bytes.length)] = next(256)
        return next(3) === 0 ? bytes.subarray(0, next(bytes.length)) : bytes
      }
      const attack = (): Promise<void> =>
        new Promise(resolve => {
          const socket = connect(ports[next(ports.length)] ?? 1, '127.0.0.1')
          const isAbrupt = next(4) === 0
          socket.on('error', () => {})
          socket.once('close', () => resolve())
          socket.resume()
          const bytes = garbage()
          if (isAbrupt) socket.write(bytes, () => socket.resetAndDestroy())
          else socket.end(bytes)
        })
      for (let done = 0; done < connections; done += 20) await Promise.all(Array.from({ length: 20 }, attack))
      await gateway.settled()
      t.equal(gateway.door.connections, 0)
      t.equal(gateway.door.terminator.inFlight, 0)
      t.equal(gateway.job.open, 0)
      t.equal(gateway.job.names.held, 0)
      const lines = gateway.job.events.filter(event => event.verdict !== undefined || event.error !== undefined)
      t.equal(lines.length, gateway.job.events.length, 'each line says what was decided')
      t.ok(lines.length >= connections * 0.9, `${lines.length} lines`)
    },
  )
}

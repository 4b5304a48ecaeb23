import { createServer } from 'node:https'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { policyOf } from './fake-job.ts'
import { Loopback, originIdentity } from './loopback.ts'
import { tlsClient } from './tls-client.ts'

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')

t.test(
  'handleConnection(): nothing keeps an inspected connection once it is closed: no timer, no signal, no kept connection to its origin',
  async t => {
    await using gateway = new Loopback(policyOf('block', ['api.example.test']))
    await gateway.origin(createServer(originIdentity('api.example.test'), (_, response) => response.end('answered')))
    const port = await gateway.toward('api.example.test')

    const served: WeakRef<object>[] = []
    const { terminator } = gateway.door
    const terminate = terminator.terminate.bind(terminator)
    terminator.terminate = async (socket, as) => {
      const client = await terminate(socket, as)
      served.push(new WeakRef(client), new WeakRef(socket))
      return client
    }

    const ask = async (): Promise<void> => {
      const client = await tlsClient(gateway, port, { servername: 'api.example.test', ALPNProtocols: ['http/1.1'] })
      const answered = new Promise<void>(resolve =>
        client.on('data', (bytes: Buffer) => bytes.includes('answered') && resolve()),
      )
      client.write('GET / HTTP/1.1\r\nHost: api.example.test\r\n\r\n')
      await answered
      client.destroy()
    }
    for (let burst = 0; burst < 3; burst += 1) await Promise.all(Array.from({ length: 10 }, ask))
    await gateway.settled()

    const alive = (): number => served.filter(ref => ref.deref() !== undefined).length
    for (let round = 0; round < 50 && alive() > 0; round += 1) {
      await turn()
      if (typeof collect === 'function') collect()
    }
    t.equal(served.length, 60)
    t.equal(alive(), 0)
  },
)

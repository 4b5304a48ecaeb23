import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { listenUdp, type Bind, type DatagramBatch, type Respond } from '../../../gateway/dns/udp-listener.ts'
import { DatagramBatch as KernelBatch } from '../../../gateway/packet/datagram-batch.ts'
import { duplicate, transparentUdpSocket } from '../../../gateway/packet/sockets.ts'
import { address as parsed } from './fake-job.ts'

const address = '127.0.0.1'
const skip = process.getuid?.() === 0 ? false : 'needs CAP_NET_ADMIN'

interface Rig {
  readonly port: number
  /** Of each socket, what it was told. */
  readonly heard: readonly string[][]
  ask(client: number, text: string): void
}

/** A listener on a socket as the wire makes it, and clients. */
async function rig(
  t: Test,
  respond: Respond,
  clients: number,
  batchOf: (batch: KernelBatch) => DatagramBatch = batch => batch,
): Promise<Rig> {
  const { fd, port } = transparentUdpSocket(parsed(address), 0)
  const descriptors: Bind['descriptors'] = {
    udp: fd,
    tcp: -1,
    batch: onFull => batchOf(new KernelBatch(duplicate(fd), { onFull })),
  }
  const listener = await listenUdp({ address, port: 0, descriptors }, respond, AbortSignal.timeout(10_000))
  t.teardown(() => listener[Symbol.asyncDispose]())
  const heard = Array.from({ length: clients }, (): string[] => [])
  const sockets = await Promise.all(
    heard.map(async texts => {
      const socket = createSocket('udp4').on('message', message => texts.push(message.toString('latin1')))
      socket.bind(0, address)
      await once(socket, 'listening')
      t.teardown(() => socket.close())
      return socket
    }),
  )
  return { port, heard, ask: (client, text) => sockets[client]?.send(text, port, address) }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn()
}

await t.test(
  'listenUdp(): what comes together is answered together, each by its own reply, late ones too',
  { skip },
  async t => {
    const taken: number[] = []
    const { heard, ask } = await rig(
      t,
      (message, peer) => {
        const reply = Buffer.from(`${message.toString('latin1')} from ${peer.port > 0 ? peer.address : '?'}`)
        return message.includes('late') ? turn(reply) : reply
      },
      3,
      batch => ({
        receive(take) {
          const count = batch.receive(take)
          taken.push(count ?? -1)
          return count
        },
        send: (message, to, port) => batch.send(message, to, port),
        flush: () => batch.flush(),
        [Symbol.dispose]: () => batch[Symbol.dispose](),
      }),
    )
    // Sent before the listener has its turn: they are all there when it looks.
    for (let number = 0; number < 150; number += 1) ask(number % 3, `${number % 2 === 0 ? 'late' : 'soon'} ${number}`)
    await until(() => heard.every(texts => texts.length === 50))
    const expected = heard.map((_, client) =>
      Array.from({ length: 50 }, (_, index) => index * 3 + client)
        .map(number => `${number % 2 === 0 ? 'late' : 'soon'} ${number} from ${address}`)
        .toSorted(),
    )
    t.strictSame(
      heard.map(texts => texts.toSorted()),
      expected,
    )
    t.equal(Math.max(...taken), 32)
    t.ok(
      taken.every(count => count >= 0),
      'no error of the socket',
    )
  },
)

await t.test('listenUdp(): a flood leaves time for everything else', { skip }, async t => {
  let taken = 0
  const flood = (batch: KernelBatch): DatagramBatch => ({
    receive(take) {
      taken += 32
      for (let number = 0; number < 32; number += 1) take(Buffer.from('more'), address, 9)
      return 32
    },
    send: () => true,
    flush: () => true,
    [Symbol.dispose]: () => batch[Symbol.dispose](),
  })
  const { ask } = await rig(t, () => Buffer.from('reply'), 1, flood)
  for (let number = 0; number < 64; number += 1) ask(0, 'question')
  const turns: number[] = []
  for (let before = 0; turns.length < 5; before = taken) {
    await turn()
    turns.push(taken - before)
  }
  t.equal(Math.max(...turns), 128, `${turns.join(' ')} in one turn each`)
})

await t.test('listenUdp(): disposed, it sends nothing that was found out too late', { skip }, async t => {
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  const { fd, port } = transparentUdpSocket(parsed(address), 0)
  const asked = Promise.withResolvers<void>()
  const descriptors: Bind['descriptors'] = {
    udp: fd,
    tcp: -1,
    batch: onFull => new KernelBatch(duplicate(fd), { onFull }),
  }
  const respond: Respond = () => {
    asked.resolve()
    return promise
  }
  const client = createSocket('udp4')
  t.teardown(() => client.close())
  client.on('message', () => t.fail('a reply'))
  {
    await using _listener = await listenUdp({ address, port: 0, descriptors }, respond, AbortSignal.timeout(10_000))
    client.send('question', port, address)
    await asked.promise
  }
  resolve(Buffer.from('late'))
  for (let left = 10; left > 0; left -= 1) await turn()
  t.pass('nothing came, and nothing threw')
})

import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import t, { type Test } from 'tap'
import { parseAddress } from '../../../gateway/net/address.ts'
import { connectDatagrams, DatagramBatch, type Take } from '../../../gateway/packet/datagram-batch.ts'
import { call } from '../../../gateway/packet/libc.ts'
import { transparentUdpSocket } from '../../../gateway/packet/sockets.ts'

const here = '127.0.0.1'
const skip = process.getuid?.() === 0 ? false : 'needs CAP_NET_ADMIN'
const never: Take = () => {
  throw new Error('nothing was to come of this')
}

interface Heard {
  readonly text: string
  readonly port: number
}

/** A socket of somebody else, and what it has heard. */
async function openPeer(t: Test): Promise<{ readonly socket: Socket; readonly port: number; readonly heard: Heard[] }> {
  const socket = createSocket('udp4')
  const heard: Heard[] = []
  socket.on('message', (message, { port }) => heard.push({ text: message.toString('latin1'), port }))
  socket.bind(0, here)
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  return { socket, port: socket.address().port, heard }
}

function openBatch(t: Test, onFull = never, libc = call): { readonly batch: DatagramBatch; readonly port: number } {
  const address = parseAddress(here)
  if (address === undefined) throw new TypeError(here)
  const { fd, port } = transparentUdpSocket(address, 0)
  const batch = new DatagramBatch(fd, { onFull, libc })
  t.teardown(() => batch[Symbol.dispose]())
  return { batch, port }
}

async function say(socket: Socket, text: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.send(Buffer.from(text, 'latin1'), port, here, error => (error === null ? resolve() : reject(error)))
  await promise
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setImmediate(resolve))
}

await t.test('receive(): gives each datagram with its sender, in order, 32 at a time', { skip }, async t => {
  const { batch, port } = openBatch(t)
  const [one, two] = [await openPeer(t), await openPeer(t)]
  for (let number = 0; number < 40; number += 1) {
    await say((number % 2 === 0 ? one : two).socket, `message ${number}${'.'.repeat(number)}`, port)
  }
  const taken: (Heard & { readonly address: string })[] = []
  const take: Take = (message, address, from) => taken.push({ text: message.toString('latin1'), address, port: from })
  t.equal(batch.receive(take), 32)
  t.equal(batch.receive(take), 8)
  t.equal(batch.receive(take), 0)
  const expected = Array.from({ length: 40 }, (_, number) => ({
    text: `message ${number}${'.'.repeat(number)}`,
    address: here,
    port: (number % 2 === 0 ? one : two).port,
  }))
  t.strictSame(taken, expected)
})

await t.test('receive(): cuts nothing, and what it gives stays as it is', { skip }, async t => {
  const { batch, port } = openBatch(t)
  const peer = await openPeer(t)
  const kept: Buffer[] = []
  const keep: Take = message => kept.push(message)
  await say(peer.socket, 'x'.repeat(60_000), port)
  batch.receive(keep)
  await say(peer.socket, 'another', port)
  batch.receive(keep)
  await say(peer.socket, '', port)
  batch.receive(keep)
  t.strictSame(
    kept.map(message => message.toString('latin1')),
    ['x'.repeat(60_000), 'another', ''],
  )
})

await t.test('send(): each goes to its own port, as it was, when the batch is flushed or full', { skip }, async t => {
  const { batch, port } = openBatch(t)
  const [one, two] = [await openPeer(t), await openPeer(t)]
  const message = Buffer.from('00')
  for (let number = 0; number < 33; number += 1) {
    message.write(String(number).padStart(2, '0'))
    t.ok(batch.send(message, here, number === 32 ? two.port : one.port))
  }
  message.fill('!')
  await until(() => one.heard.length === 32)
  await say(one.socket, 'a round later', two.port)
  await until(() => two.heard.length === 1)
  t.equal(two.heard[0]?.text, 'a round later', 'one more than a batch waits for the flush')
  batch.flush()
  await until(() => two.heard.length === 2)
  t.strictSame(two.heard[1], { text: '32', port })
  t.strictSame(
    one.heard,
    Array.from({ length: 32 }, (_, number) => ({ text: String(number).padStart(2, '0'), port })),
  )
})

await t.test('send(): does not take what it cannot carry', { skip }, async t => {
  const { batch } = openBatch(t)
  t.notOk(batch.send(Buffer.alloc(1_473), here, 53))
  t.notOk(batch.send(Buffer.alloc(1), '2001:db8::1', 53))
  t.notOk(batch.send(Buffer.alloc(1), 'not an address', 53))
  t.ok(batch.send(Buffer.alloc(1_472), here, 53))
})

await t.test('flush(): what the kernel refuses takes no other with it', { skip }, async t => {
  const { batch, port } = openBatch(t)
  const peer = await openPeer(t)
  // A broadcast, for which the socket has no permission (EACCES), before, between and after.
  for (const to of ['255.255.255.255', here, '255.255.255.255', here, '255.255.255.255']) {
    t.ok(batch.send(Buffer.from(`to ${to}`), to, peer.port))
  }
  batch.flush()
  await until(() => peer.heard.length === 2)
  t.strictSame(peer.heard, [
    { text: `to ${here}`, port },
    { text: `to ${here}`, port },
  ])
})

await t.test('flush(): hands back, each once, what the kernel has no room for', { skip }, async t => {
  const back: (Heard & { readonly address: string })[] = []
  let calls = 0
  const { batch, port } = openBatch(
    t,
    (message, address, to) => back.push({ text: message.toString('latin1'), address, port: to }),
    // The first of three goes out, then the buffer is full.
    (name, fd, memory = null, ...rest) => {
      calls += 1
      return calls === 1
        ? call(name, fd ?? -1, memory, 1, 0x40)
        : calls === 2
          ? { errno: 'EAGAIN' }
          : call(name, fd ?? -1, memory, ...rest)
    },
  )
  const peer = await openPeer(t)
  for (const text of ['one', 'two', 'three']) batch.send(Buffer.from(text), here, peer.port)
  batch.flush()
  t.strictSame(back, [
    { text: 'two', address: here, port: peer.port },
    { text: 'three', address: here, port: peer.port },
  ])
  batch.flush()
  batch.send(Buffer.from('four'), here, peer.port)
  batch.flush()
  await until(() => peer.heard.length === 2)
  t.strictSame(peer.heard, [
    { text: 'one', port },
    { text: 'four', port },
  ])
})

await t.test('dispose: what waits is sent, then nothing any more', { skip }, async t => {
  const { batch } = openBatch(t)
  const peer = await openPeer(t)
  batch.send(Buffer.from('last'), here, peer.port)
  batch[Symbol.dispose]()
  batch[Symbol.dispose]()
  t.notOk(batch.send(Buffer.from('late'), here, peer.port))
  t.equal(batch.receive(never), 0)
  await until(() => peer.heard.length === 1)
  t.equal(peer.heard[0]?.text, 'last')
})

function connected(t: Test, port: number): { readonly fd: number; readonly batch: DatagramBatch } {
  const both = connectDatagrams(here, port)
  if (both === undefined) throw new TypeError('it cannot be connected')
  t.teardown(() => {
    both.batch[Symbol.dispose]()
    closeSync(both.fd)
  })
  return both
}

await t.test('connectDatagrams(): speaks with one, and hears nobody else', async t => {
  const [peer, stranger] = [await openPeer(t), await openPeer(t)]
  const { batch } = connected(t, peer.port)
  t.ok(batch.send(Buffer.from('one')))
  t.ok(batch.send(Buffer.from('two')))
  t.notOk(batch.send(Buffer.alloc(513)), 'longer than any question')
  t.ok(batch.flush())
  await until(() => peer.heard.length === 2)
  t.strictSame(
    peer.heard.map(({ text }) => text),
    ['one', 'two'],
  )
  const port = peer.heard[0]?.port ?? 0
  await say(stranger.socket, 'forged', port)
  await say(peer.socket, 'real', port)
  const taken: string[] = []
  t.equal(
    batch.receive(message => taken.push(message.toString('latin1'))),
    1,
  )
  t.strictSame(taken, ['real'])
})

await t.test('connectDatagrams(): that nobody is there is told, once', async t => {
  const gone = createSocket('udp4')
  gone.bind(0, here)
  await once(gone, 'listening')
  const { port } = gone.address()
  gone.close()
  await once(gone, 'close')
  const { batch } = connected(t, port)
  batch.send(Buffer.from('one'))
  t.ok(batch.flush(), 'it was sent')
  t.equal(batch.receive(never), undefined, 'and came back (ICMP)')
  t.equal(batch.receive(never), 0)
  batch.send(Buffer.from('two'))
  t.ok(batch.flush())
  batch.send(Buffer.from('three'))
  t.notOk(batch.flush(), 'the error is in the way of the next one')
  t.ok(batch.flush())
})

await t.test('connectDatagrams(): is not for IPv6, nor for what is no address', async t => {
  for (const address of ['::1', 'fe80::1%lo', 'resolver.test', '']) t.equal(connectDatagrams(address, 53), undefined)
  t.equal(connectDatagrams(here, 0), undefined)
})

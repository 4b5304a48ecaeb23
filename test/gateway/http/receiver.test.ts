import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { receive } from '../../../gateway/http/receiver.ts'

/** Two ends of one connection on the loopback: `here` is received from. */
async function pair(): Promise<AsyncDisposable & { readonly here: Socket; readonly there: Socket }> {
  const server = createServer({ allowHalfOpen: true, highWaterMark: 65_536 })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const there = connect({ port: address.port, host: '127.0.0.1', allowHalfOpen: true })
  const [here]: Socket[] = await once(server, 'connection')
  if (here === undefined) throw new Error('no connection')
  return {
    here,
    there,
    async [Symbol.asyncDispose]() {
      here.destroy()
      there.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

await t.test('what a socket reads comes in order, and past its buffer while it flows', async t => {
  await using ends = await pair()
  const { here, there } = ends
  const got: Buffer[] = []
  let buffered = 0
  receive(here, bytes => {
    buffered = Math.max(buffered, here.readableLength)
    got.push(bytes)
  })
  here.resume()
  const sent = Buffer.alloc(1_000_000, 'abcdefghijk')
  there.end(sent)
  await once(here, 'end')
  t.strictSame(Buffer.concat(got), sent)
  t.equal(buffered, 0, 'nothing went through the buffer')
})

await t.test('a pause holds what comes, and makes the peer wait', async t => {
  await using ends = await pair()
  const { here, there } = ends
  const got: Buffer[] = []
  let paused = true
  receive(here, bytes => {
    t.notOk(paused, 'nothing is handed over while it is paused')
    got.push(bytes)
  })
  here.resume()
  here.pause()
  const sent = Buffer.alloc(16_000_000, '0123456789ab')
  there.end(sent)
  while (here.readableLength < here.readableHighWaterMark) await turn()
  const held = here.readableLength
  for (let turns = 0; turns < 50; turns += 1) await turn()
  t.equal(here.readableLength, held, 'at its mark it reads no more')
  t.ok(there.writableLength > 0, 'the peer waits')
  paused = false
  here.resume()
  await once(here, 'end')
  t.strictSame(Buffer.concat(got), sent)
})

await t.test('a pause from within is heeded, again and again', async t => {
  await using ends = await pair()
  const { here, there } = ends
  const got: Buffer[] = []
  let pauses = 0
  receive(here, bytes => {
    got.push(bytes)
    t.notOk(here.isPaused())
    here.pause()
    pauses += 1
    setImmediate(() => here.resume())
  })
  here.resume()
  const sent = Buffer.alloc(4_000_000, 'zyxwvu')
  there.end(sent)
  await once(here, 'end')
  t.strictSame(Buffer.concat(got), sent)
  t.ok(pauses > 1, 'there was more than one piece')
})

await t.test('what is there before it is received comes first', async t => {
  await using ends = await pair()
  const { here, there } = ends
  there.write('peeked, ')
  while (here.readableLength === 0) {
    here.read(0)
    await turn()
  }
  here.unshift(Buffer.from('put back, '))
  let got = ''
  receive(here, bytes => (got += bytes.toString()))
  here.resume()
  there.end('and new')
  await once(here, 'end')
  t.equal(got, 'put back, peeked, and new')
})

await t.test('once it is let go a socket is what it was', async t => {
  await using ends = await pair()
  const { here, there } = ends
  let got = ''
  const receiving = receive(here, bytes => {
    got += bytes.toString()
    here.emit('got')
  })
  here.resume()
  there.write('first')
  await once(here, 'got')
  receiving[Symbol.dispose]()
  here.pause()
  t.notOk(Object.hasOwn(here, 'push'))
  t.equal(here.listenerCount('data'), 0)
  there.end(' second')
  let rest = ''
  here.on('data', (bytes: Buffer) => (rest += bytes.toString())).resume()
  await once(here, 'end')
  t.equal(rest, ' second')
  t.equal(got, 'first')
})

await t.test('a socket that is destroyed by what it hands over hands over no more', async t => {
  await using ends = await pair()
  const { here, there } = ends
  let pieces = 0
  receive(here, () => {
    pieces += 1
    here.destroy()
  })
  here.resume()
  there.on('error', () => undefined).write(Buffer.alloc(1_000_000))
  await once(here, 'close')
  for (let turns = 0; turns < 20; turns += 1) await turn()
  t.equal(pieces, 1)
})

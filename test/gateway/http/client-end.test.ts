import { once } from 'node:events'
import { connect, createServer, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { ClientEnd } from '../../../gateway/http/client-end.ts'
import { defaultHttpLimits } from '../../../gateway/http/context.ts'
import { type Stall, StallWatch } from '../../../gateway/http/stall-watch.ts'

/** More than the kernel takes for one connection. */
const answer = Buffer.alloc(16 << 20, 'a')

/** Our end of a connection, and that of a client which reads nothing yet. */
async function openPair(t: Test): Promise<{ readonly ours: Socket; readonly client: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('no port')
  const client = connect({ port: address.port, host: '127.0.0.1', allowHalfOpen: true }).pause()
  const [ours]: unknown[] = await once(server, 'connection')
  if (!(ours instanceof Socket)) throw new TypeError('no socket')
  t.teardown(() => {
    client.destroy()
    ours.destroy()
    server.close()
  })
  return { ours, client }
}

async function readAll(client: Socket): Promise<number> {
  let bytes = 0
  for await (const part of client) bytes += Buffer.isBuffer(part) ? part.length : 0
  return bytes
}

t.test(
  'finish(): a client that reads later than we linger gets the whole answer, and is then waited for no longer',
  async t => {
    const { ours, client } = await openPair(t)
    const end = new ClientEnd(ours, 50)
    end.write(answer)
    end.finish()
    await delay(300)
    t.equal(await readAll(client), answer.length)
    // It does not close, and it may not keep us.
    await once(ours, 'close')
    t.equal(ours.errored, null)
  },
)

t.test('finish(): twice is once', async t => {
  const { ours, client } = await openPair(t)
  const end = new ClientEnd(ours, 50)
  end.write(Buffer.from('answer'))
  end.finish()
  end.finish()
  t.equal(await readAll(client), 6)
  await once(ours, 'close')
})

t.test('StallWatch: a connection is not idle while an answer is on its way, whoever has finished with it', async t => {
  const { ours, client } = await openPair(t)
  const stalls: Stall[] = []
  ours.write(answer)
  const limits = { ...defaultHttpLimits, idleMs: 40, stallMs: 60_000 }
  using _watch = new StallWatch(
    ours,
    limits,
    () => false,
    stall => stalls.push(stall),
  )
  await delay(400)
  t.strictSame(stalls, [])
  client.resume()
  while (stalls.length === 0) await delay(10)
  t.strictSame(stalls, ['idle'])
  t.equal(client.bytesRead, answer.length)
})

t.test('StallWatch: one that takes nothing of it has stalled', async t => {
  const { ours } = await openPair(t)
  const stalls: Stall[] = []
  ours.write(answer)
  const limits = { ...defaultHttpLimits, idleMs: 40, stallMs: 80 }
  using _watch = new StallWatch(
    ours,
    limits,
    () => false,
    stall => stalls.push(stall),
  )
  while (stalls.length === 0) await delay(10)
  t.strictSame(stalls, ['exchange'])
})

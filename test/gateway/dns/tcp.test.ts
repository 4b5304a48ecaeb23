import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import t from 'tap'
import { Frames, renderFrame } from '../../../gateway/dns/frames.ts'
import { askTcp, query, read } from './client.ts'
import { closing, rig } from './server-rig.ts'

const a = 1

t.test('serveTcp(): pipelined questions are all answered, in any order, also after FIN', async t => {
  const { server } = await rig(t)
  const asked = Array.from({ length: 100 }, (_, index) =>
    query(index % 2 === 0 ? 'npm.test' : `n${index}.evil.test`, a, { id: index }),
  )
  const answers = await askTcp(server, asked)
  t.same(
    answers.map(answer => answer.readUInt16BE(0)).toSorted((x, y) => x - y),
    Array.from({ length: 100 }, (_, index) => index),
  )
})

t.test('serveTcp(): a question in single bytes is read', async t => {
  const { server } = await rig(t)
  const socket = connect({ host: '127.0.0.1', port: server.port, noDelay: true })
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  for (const byte of renderFrame(query('evil.test', a)))
    await new Promise(resolve => socket.write(Buffer.from([byte]), resolve))
  const [chunk]: Buffer[] = await once(socket, 'data')
  t.ok(chunk?.includes('evil'))
})

t.test('serveTcp(): a connection that asks nothing whole is closed, however many bytes it drips', async t => {
  const { server } = await rig(t, { tcp: { idleMs: 100 } })
  const socket = connect({ host: '127.0.0.1', port: server.port })
  const drip = setInterval(() => socket.write(Buffer.from([0xff])), 20)
  await closing(socket)
  clearInterval(drip)
  t.pass('closed')
})

t.test('serveTcp(): a reader that does not read stops being read, and is closed', async t => {
  const { server } = await rig(t, { tcp: { idleMs: 300, unreadBytes: 10_000 } })
  const socket = connect({ host: '127.0.0.1', port: server.port })
  socket.pause()
  const flood = renderFrame(query('evil.test', a, { edns: {} }))
  const block = Buffer.concat(Array.from({ length: 1_000 }, () => flood))
  const closed = closing(socket)
  let sent = 0
  const more = (): void => {
    while (socket.writable && socket.write(block)) sent += 1
  }
  socket.on('drain', more)
  more()
  await closed
  t.ok(sent < 2_000, 'the flood met backpressure')
})

t.test('serveTcp(): more connections than the limit are reset', async t => {
  const { server } = await rig(t, { tcp: { connections: 2 } })
  const sockets = [1, 2, 3].map(() => connect({ host: '127.0.0.1', port: server.port }))
  t.teardown(() => sockets.forEach(socket => socket.destroy()))
  const [first, , third] = sockets
  if (first === undefined || third === undefined) throw new Error('no sockets')
  await closing(third)
  first.write(renderFrame(query('evil.test', a)))
  await once(first, 'data')
  t.pass('the others are served')
})

t.test('serveTcpConnection(): serves a connection that was accepted elsewhere', async t => {
  const { server, job } = await rig(t)
  const door = createServer(socket => void server.serveTcpConnection(socket)).listen(0, '127.0.0.1')
  await once(door, 'listening')
  t.teardown(() => door.close())
  const at = door.address()
  if (at === null || typeof at === 'string') throw new Error('no port')
  const [answer] = await askTcp({ address: '127.0.0.1', port: at.port }, [query('npm.test', a)])
  t.match(answer && read(answer), { answers: [{ address: '198.18.0.1' }] })
  t.match(job.asked, [{ transport: 'tcp', destination: { address: '127.0.0.1', port: at.port } }])
})

t.test('openDnsServer(): a connection that is open when it is disposed is closed', async t => {
  const { server } = await rig(t)
  const socket = connect({ host: '127.0.0.1', port: server.port })
  socket.write(renderFrame(query('evil.test', a)))
  await once(socket, 'data')
  const closed = closing(socket)
  await server[Symbol.asyncDispose]()
  await closed
  t.pass('closed')
})

t.test('Frames: cuts messages out of any pieces, and keeps none back', async t => {
  const stream = Buffer.concat([
    renderFrame(Buffer.from('one')),
    renderFrame(Buffer.alloc(0)),
    renderFrame(Buffer.from('three')),
  ])
  for (let size = 1; size <= stream.length; size++) {
    const frames = new Frames()
    const messages: string[] = []
    for (let at = 0; at < stream.length; at += size) {
      frames.push(stream.subarray(at, at + size), message => messages.push(message.toString()))
    }
    t.same(messages, ['one', '', 'three'], `in pieces of ${size}`)
  }
})

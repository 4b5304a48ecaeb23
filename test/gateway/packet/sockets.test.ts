import { closeSync } from 'node:fs'
import t, { type Test } from 'tap'
import { parseAddress } from '../../../gateway/net/address.ts'
import {
  type BoundSocket,
  transparentListener,
  transparentUdpListener,
  transparentUdpSocket,
} from '../../../gateway/packet/sockets.ts'

const skip = process.getuid?.() === 0 ? false : 'needs CAP_NET_ADMIN'
const address = parseAddress('127.0.0.1')
if (address === undefined) throw new TypeError('not an address')

function owned(t: Test, socket: BoundSocket): BoundSocket {
  t.teardown(() => closeSync(socket.fd))
  return socket
}

const inUse = { code: 'SOCKET_FAILED', details: { call: 'bind', errno: 'EADDRINUSE' } }

t.test('a port that the kernel chose for DNS or for other UDP is nobody else’s', { skip }, t => {
  for (const open of [() => transparentUdpSocket(address, 0), () => transparentUdpListener(address)]) {
    const { port } = owned(t, open())
    t.throws(() => transparentUdpSocket(address, port), inUse)
  }
  t.end()
})

t.test('nor is that of a listener, so that DNS and the front door never meet', { skip }, t => {
  const { port } = owned(t, transparentListener(address, 0))
  t.not(owned(t, transparentListener(address, 0)).port, port)
  t.end()
})

t.test('flows to one destination share its port', { skip }, t => {
  const free = transparentUdpSocket(address, 0)
  closeSync(free.fd)
  t.equal(owned(t, transparentUdpSocket(address, free.port)).port, free.port)
  t.equal(owned(t, transparentUdpSocket(address, free.port)).port, free.port)
  t.end()
})

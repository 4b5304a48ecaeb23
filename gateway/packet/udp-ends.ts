import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { GatewayError } from '../errors.ts'
import { familyOf } from '../net/address.ts'
import type { Candidate } from '../upstream/candidates.ts'
import { transparentUdpSocket } from './sockets.ts'
import type { Datagram } from './udp-listener.ts'

/** The two sockets of a UDP flow. */
export const udpEnds = { dialUdp, speakAs }
export type UdpEnds = typeof udpEnds

/** The way out: a socket that is connected to the first address that can be. @throws GatewayError UPSTREAM_UNREACHABLE */
async function dialUdp(
  candidates: readonly Candidate[],
  { destination }: Datagram,
  signal: AbortSignal,
): Promise<{ readonly socket: Socket; readonly candidate: Candidate }> {
  let last: unknown
  for (const candidate of candidates) {
    const socket = createSocket(familyOf(candidate.address) === 4 ? 'udp4' : 'udp6')
    try {
      await connect(socket, destination.port, candidate.address, signal)
      return { socket, candidate }
    } catch (cause) {
      socket.close()
      if (signal.aborted) throw cause
      last = cause
    }
  }
  throw new GatewayError('UPSTREAM_UNREACHABLE', 'no address of the destination can be reached by UDP', { cause: last })
}

/** A socket bound to the address the job meant, connected to the job: the kernel gives it the rest of the flow (TPROXY). */
async function speakAs({ source, destination }: Datagram, signal: AbortSignal): Promise<Socket> {
  const socket = createSocket('udp4')
  try {
    socket.bind({ fd: transparentUdpSocket(destination.address, destination.port).fd })
    await connect(socket, source.port, source.address, signal)
    return socket
  } catch (cause) {
    socket.close()
    throw cause
  }
}

async function connect(socket: Socket, port: number, address: string, signal: AbortSignal): Promise<void> {
  socket.connect(port, address)
  await once(socket, 'connect', { signal })
}

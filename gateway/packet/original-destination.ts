import type { Socket } from 'node:net'
import type { JobSocket } from '../jobs/job.ts'
import { parseAddress } from '../net/address.ts'
import { parsePort } from '../net/port.ts'
import { call } from './libc.ts'
import { decodeSocketAddress, type SocketAddress } from './sockets.ts'

// include/uapi/linux/in.h, include/uapi/linux/netfilter_ipv4.h
const SOL_IP = 0
const SO_ORIGINAL_DST = 80

/**
 * Both ends of an accepted connection whose destination the packet filter rewrote: the job's own, and where it meant to go,
 * which connection tracking still knows. Undefined when it is gone, or was not tracked.
 */
export function redirectedEnds(socket: Socket): JobSocket | undefined {
  const address = parseAddress(socket.remoteAddress ?? '')
  const port = parsePort(socket.remotePort ?? 0)
  const destination = originalDestination(socket)
  if (address === undefined || port === undefined || destination === undefined) return undefined
  return { transport: 'tcp', source: { address, port }, destination }
}

function originalDestination(socket: Socket): SocketAddress | undefined {
  const fd = descriptorOf(socket)
  if (fd === undefined) return undefined
  const answer = Buffer.alloc(16)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(answer.length)
  const outcome = call('getsockopt', fd, SOL_IP, SO_ORIGINAL_DST, answer, length)
  return 'errno' in outcome ? undefined : decodeSocketAddress(answer)
}

/** Node gives no public way to a socket's descriptor; its handle has had `fd` in every version. */
function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle')
  if (typeof handle !== 'object' || handle === null) return undefined
  const fd: unknown = Reflect.get(handle, 'fd')
  return typeof fd === 'number' && fd >= 0 ? fd : undefined
}

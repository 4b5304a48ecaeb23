import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { Loopback } from './loopback.ts'

/** Handshakes with the gateway as a client that trusts it. */
export async function tlsClient(gateway: Loopback, port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca: gateway.authority.certificatePem, ...options })
  await once(socket, 'secureConnect')
  return socket
}

/** Everything that comes until the connection ends, or the code of the error that ended it. */
export async function readAll(socket: Socket | TLSSocket): Promise<string> {
  const chunks: Buffer[] = []
  let failure: string | undefined
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', (cause: NodeJS.ErrnoException) => (failure ??= cause.code))
  await new Promise(resolve => socket.once('close', resolve))
  return failure ?? Buffer.concat(chunks).toString('latin1')
}

/** Sends bytes over plain TCP and reads what comes. */
export async function exchange(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connectTcp(port, '127.0.0.1')
  const answer = readAll(socket)
  socket.write(bytes)
  return answer
}

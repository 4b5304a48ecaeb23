import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { connect } from 'node:tls'
import { portOf } from './loopback.ts'

/** Parts of a ClientHello made by hand; what is left out is as clients send it. */
export interface HelloParts {
  /** Bytes of the server name; undefined leaves the extension out. */
  readonly name?: string
  readonly alpn?: readonly string[]
  /** Further extensions: type and content. */
  readonly extensions?: readonly (readonly [type: number, content: Buffer])[]
  /** Bytes behind the extensions, inside the message. */
  readonly tail?: Buffer
  /** No extension block at all. */
  readonly bare?: boolean
}

const withLength = (size: 1 | 2 | 3, content: Buffer): Buffer => {
  const length = Buffer.alloc(size)
  length.writeUIntBE(content.length, 0, size)
  return Buffer.concat([length, content])
}

const extension = (type: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.from([type >> 8, type & 255]), withLength(2, content)])

/** A `server_name` extension's content with one name of one type. */
export function nameList(name: string, type = 0): Buffer {
  return withLength(2, Buffer.concat([Buffer.from([type]), withLength(2, Buffer.from(name, 'latin1'))]))
}

/** A ClientHello message, its header of four bytes included. */
export function helloMessage(parts: HelloParts = {}): Buffer {
  const extensions = [
    ...(parts.name === undefined ? [] : [extension(0, nameList(parts.name))]),
    ...(parts.alpn === undefined
      ? []
      : [
          extension(
            16,
            withLength(2, Buffer.concat(parts.alpn.map(name => withLength(1, Buffer.from(name, 'latin1'))))),
          ),
        ]),
    ...(parts.extensions ?? []).map(([type, content]) => extension(type, content)),
  ]
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    withLength(1, Buffer.alloc(32, 9)),
    withLength(2, Buffer.from([0x13, 0x01, 0x13, 0x02])),
    withLength(1, Buffer.from([0])),
    ...(parts.bare === true ? [] : [withLength(2, Buffer.concat(extensions))]),
    parts.tail ?? Buffer.alloc(0),
  ])
  return Buffer.concat([Buffer.from([1]), withLength(3, body)])
}

/** A message as handshake records of at most `size` bytes each. */
export function records(message: Buffer, size = 16_384): Buffer {
  const out: Buffer[] = []
  for (let at = 0; at < message.length; at += size) {
    out.push(Buffer.from([22, 3, 1]), withLength(2, message.subarray(at, at + size)))
  }
  return Buffer.concat(out)
}

/** A whole ClientHello on the wire. */
export function hello(parts: HelloParts = {}): Buffer {
  return records(helloMessage(parts))
}

/** Starts a program; what it returns ends it. */
const program = (file: string, args: readonly string[]) => (): (() => void) => {
  const child = spawn(file, args, { stdio: 'ignore' })
  return () => void child.kill()
}

/** The first flight of real clients for `real.example.com` with h2 and http/1.1, as many as are on this machine. */
export async function realHellos(): Promise<ReadonlyMap<string, Buffer>> {
  const flights = new Map<string, Buffer>()
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server)
  const record = async (client: string, start: () => () => void): Promise<void> => {
    const accepted = once(server, 'connection')
    const stop = start()
    const [socket] = await accepted
    const [bytes] = await once(socket, 'data')
    flights.set(client, bytes)
    socket.destroy()
    stop()
  }
  await record('node', () => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'real.example.com',
      ALPNProtocols: ['h2', 'http/1.1'],
    })
    return () => void socket.on('error', () => {}).destroy()
  })
  const target = ['-connect', `127.0.0.1:${port}`, '-servername', 'real.example.com', '-alpn', 'h2,http/1.1']
  await record('openssl', program('openssl', ['s_client', ...target]))
  const url = `https://real.example.com:${port}/`
  await record('curl', program('curl', ['-sk', '--resolve', `real.example.com:${port}:127.0.0.1`, url]))
  server.close()
  return flights
}

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { Packet } from 'dns2'
import { Frames, renderFrame } from '../../../gateway/dns/frames.ts'

/** What a question is made of; EDNS is left out unless `edns` says otherwise. */
export interface Asking {
  readonly id?: number
  readonly edns?: { readonly size?: number; readonly dnssec?: boolean; readonly version?: number }
  readonly class?: number
  readonly opcode?: number
}

/** A query as a client sends it. Written by hand, so that names may be anything: dots part labels. */
export function query(
  name: string,
  type: number,
  { id = 0x1234, edns, class: klass = 1, opcode = 0 }: Asking = {},
): Buffer {
  return queryOfLabels(name === '.' ? [] : name.split('.').map(label => Buffer.from(label, 'latin1')), type, {
    id,
    ...(edns === undefined ? {} : { edns }),
    class: klass,
    opcode,
  })
}

export function queryOfLabels(
  labels: readonly Buffer[],
  type: number,
  { id = 0x1234, edns, class: klass = 1, opcode = 0 }: Asking = {},
): Buffer {
  const header = Buffer.from([id >> 8, id & 255, (opcode << 3) | 1, 0, 0, 1, 0, 0, 0, 0, 0, edns === undefined ? 0 : 1])
  const name = [...labels.flatMap(label => [Buffer.from([label.length]), label]), Buffer.alloc(1)]
  const tail = Buffer.from([type >> 8, type & 255, klass >> 8, klass & 255])
  const { size = 1232, dnssec = false, version = 0 } = edns ?? {}
  const opt =
    edns === undefined
      ? Buffer.alloc(0)
      : Buffer.from([0, 0, 41, size >> 8, size & 255, 0, version, dnssec ? 0x80 : 0, 0, 0, 0])
  return Buffer.concat([header, ...name, tail, opt])
}

/** Sends one datagram and waits for the answer to it. */
export async function askUdp(
  at: { readonly address: string; readonly port: number },
  message: Buffer,
): Promise<Buffer> {
  const socket = createSocket('udp4')
  try {
    socket.send(message, at.port, at.address)
    const [answer]: Buffer[] = await once(socket, 'message', { signal: AbortSignal.timeout(10_000) })
    if (answer === undefined) throw new Error('no answer')
    return answer
  } finally {
    socket.close()
  }
}

/** Sends messages down one connection, then FIN; resolves with what came back until the server's FIN. */
export async function askTcp(
  at: { readonly address: string; readonly port: number },
  messages: readonly Buffer[],
): Promise<Buffer[]> {
  const socket = connect({ host: at.address, port: at.port, allowHalfOpen: true })
  const answers: Buffer[] = []
  const frames = new Frames()
  socket.on('data', chunk => frames.push(chunk, message => answers.push(message)))
  socket.end(Buffer.concat(messages.map(renderFrame)))
  await once(socket, 'end', { signal: AbortSignal.timeout(10_000) })
  socket.destroy()
  return answers
}

/** An answer as `dns2` reads it: a second opinion on what we write. */
export interface Seen {
  readonly id: number
  readonly rcode: number
  readonly truncated: boolean
  readonly question: string | undefined
  readonly answers: readonly {
    readonly name: string
    readonly type: number
    readonly ttl: number
    readonly address?: string
  }[]
  readonly soaTtl: number | undefined
  readonly errors: number
  /** The Extended DNS Error, when there is one. */
  readonly error: { readonly code: number; readonly text: string } | undefined
  readonly hasOpt: boolean
}

export function read(message: Buffer): Seen {
  const packet = Packet.parse(message)
  const opt = packet.additionals.find(record => record.type === 41)
  const ede = opt === undefined ? undefined : readError(message)
  const extended = opt === undefined ? 0 : extendedRcode(message)
  return {
    id: packet.header.id,
    rcode: packet.header.rcode | extended,
    truncated: packet.header.tc === 1,
    question: packet.questions[0]?.name,
    answers: packet.answers.map(({ name, type, ttl, address }) => ({
      name,
      type,
      ttl,
      ...(address === undefined ? {} : { address }),
    })),
    soaTtl: packet.authorities.find(record => record.type === Packet.TYPE.SOA)?.ttl,
    errors: packet.errors.length,
    error: ede,
    hasOpt: opt !== undefined,
  }
}

function optOffset(message: Buffer): number {
  // Ours is the last record: root name, type 41.
  return message.lastIndexOf(Buffer.from([0, 0, 41, 0x04, 0xd0]))
}

function extendedRcode(message: Buffer): number {
  return (message[optOffset(message) + 5] ?? 0) << 4
}

function readError(message: Buffer): { readonly code: number; readonly text: string } | undefined {
  const at = optOffset(message) + 11
  if (at + 6 > message.length || message.readUInt16BE(at) !== 15) return undefined
  const length = message.readUInt16BE(at + 2)
  return { code: message.readUInt16BE(at + 4), text: message.toString('utf8', at + 6, at + 4 + length) }
}

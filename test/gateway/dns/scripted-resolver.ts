import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { Packet } from 'dns2'
import { Frames, renderFrame } from '../../../gateway/dns/frames.ts'

/** A question as it arrived. */
export interface Asked {
  readonly transport: 'udp' | 'tcp'
  readonly name: string
  readonly type: number
  readonly port: number
  readonly bytes: Buffer
}

/** What to answer: a message (its id is put right), several of them in turn, or nothing at all. */
export type Script = (asked: Asked) => Buffer | readonly Buffer[] | undefined

type Records = readonly { readonly [field: string]: unknown; readonly type: number }[]

/** A resolver on loopback that answers as the test says and remembers what it was asked. */
export class ScriptedResolver implements AsyncDisposable {
  readonly asked: Asked[] = []
  script: Script
  readonly #udp: UdpSocket
  readonly #tcp: Server
  readonly #connections = new Set<Socket>()
  #wake: (() => void)[] = []

  private constructor(script: Script, udp: UdpSocket, tcp: Server) {
    this.script = script
    this.#udp = udp
    this.#tcp = tcp
    udp.on('message', (message, peer) => {
      for (const reply of this.#answer('udp', message, peer.port)) udp.send(reply, peer.port, peer.address)
    })
    tcp.on('connection', socket => {
      const frames = new Frames()
      this.#connections.add(socket)
      socket.on('error', () => socket.destroy()).on('close', () => this.#connections.delete(socket))
      socket.on('data', chunk =>
        frames.push(chunk, message => {
          for (const reply of this.#answer('tcp', message, socket.remotePort ?? 0)) socket.write(renderFrame(reply))
        }),
      )
    })
  }

  /** On UDP and TCP at one port of 127.0.0.1. */
  static async open(script: Script): Promise<ScriptedResolver> {
    for (;;) {
      const tcp = createServer().listen({ host: '127.0.0.1', port: 0 })
      await once(tcp, 'listening')
      const at = tcp.address()
      if (at === null || typeof at === 'string') throw new Error('no port')
      const udp = createSocket('udp4')
      const bound = once(udp, 'listening').then(
        () => true,
        () => false,
      )
      udp.bind(at.port, '127.0.0.1')
      if (await bound) return new ScriptedResolver(script, udp, tcp)
      tcp.close()
    }
  }

  get address(): { readonly address: string; readonly port: number } {
    return { address: '127.0.0.1', port: this.#udp.address().port }
  }

  /** The questions for a name, once there are `count` of them. */
  async questions(count: number): Promise<readonly Asked[]> {
    while (this.asked.length < count) await new Promise<void>(resolve => this.#wake.push(resolve))
    return this.asked
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#connections) socket.destroy()
    const closed = [once(this.#udp, 'close'), once(this.#tcp, 'close')]
    this.#udp.close()
    this.#tcp.close()
    await Promise.all(closed)
  }

  #answer(transport: 'udp' | 'tcp', bytes: Buffer, port: number): readonly Buffer[] {
    const [question] = Packet.parse(bytes).questions
    if (question === undefined) throw new Error('the gateway sent no question')
    const asked = { transport, name: question.name, type: question.type, port, bytes }
    this.asked.push(asked)
    for (const wake of this.#wake.splice(0)) wake()
    const replies = this.script(asked)
    if (replies === undefined) return []
    return (Array.isArray(replies) ? replies : [replies]).map((reply: Buffer) => withIdOf(reply, bytes))
  }
}

function withIdOf(reply: Buffer, query: Buffer): Buffer {
  const copy = Buffer.from(reply)
  // 0xffff stands for "wrong on purpose".
  if (copy.readUInt16BE(0) !== 0xffff) query.copy(copy, 0, 0, 2)
  return copy
}

/** An answer made by `dns2`: a second opinion on the wire format. */
export function reply(
  asked: Pick<Asked, 'name' | 'type'>,
  {
    rcode = 0,
    answers = [],
    authorities = [],
    additionals = [],
    flags = {},
  }: Partial<{
    rcode: number
    answers: Records
    authorities: Records
    additionals: Records
    flags: { readonly tc?: 0 | 1; readonly aa?: 0 | 1 }
  }> = {},
): Buffer {
  const packet = new Packet()
  packet.header = new Packet.Header({ qr: 1, rd: 1, ra: 1, rcode, ...flags })
  packet.questions.push(new Packet.Question(asked.name, asked.type, 1))
  for (const [section, records] of [
    [packet.answers, answers],
    [packet.authorities, authorities],
    [packet.additionals, additionals],
  ] as const) {
    for (const record of records) section.push(new Packet.Resource({ name: asked.name, class: 1, ttl: 60, ...record }))
  }
  return packet.toBuffer()
}

/** Addresses by name and type (`A example.test`); names that are not there do not exist, other types are empty. */
export function zone(records: Readonly<Record<string, readonly string[]>>): Script {
  const names = new Set(Object.keys(records).map(key => key.split(' ')[1]))
  return asked => {
    const typeName = Packet.typeName(asked.type)
    const values = records[`${typeName} ${asked.name}`]
    if (values !== undefined) return reply(asked, { answers: values.map(address => ({ type: asked.type, address })) })
    return reply(asked, { rcode: names.has(asked.name) ? 0 : 3, authorities: [soa(asked.name)] })
  }
}

export function soa(name: string, minimum = 30): Records[number] {
  return {
    name,
    type: Packet.TYPE.SOA,
    ttl: 600,
    primary: 'ns.example.test',
    admin: 'admin.example.test',
    serial: 1,
    refresh: 1,
    retry: 1,
    expiration: 1,
    minimum,
  }
}

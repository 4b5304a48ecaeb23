import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { setTimeout as delay } from 'node:timers/promises'
import type { KeyedCertificate } from '../certificates/mint.ts'
import { readQuery, udpLimit, writeResponse, writeTruncated } from './message.ts'
import type { Zone } from './zone.ts'

/** How a query travelled. */
export type DnsTransport = 'udp' | 'tcp' | 'dot' | 'doh'

/** Where a query came from and went to. */
export interface DnsArrival {
  /** `lab`: the lab's resolver; `outside`: the attacker's. */
  readonly server: 'lab' | 'outside'
  readonly transport: DnsTransport
  readonly source: string
  readonly sourcePort: number
}

/** One query, as received. */
export interface DnsQuery extends DnsArrival {
  /** Milliseconds since the epoch. */
  readonly timeMs: number
  /** Lower case, no trailing dot; `undefined` when the message could not be read. */
  readonly name: string | undefined
  /** As spelled by the asker. */
  readonly rawName: string | undefined
  readonly type: string | undefined
  readonly edns: { readonly udpBytes: number; readonly dnssecOk: boolean; readonly options: Uint8Array } | undefined
  /** The message as received. */
  readonly bytes: Uint8Array
}

/** Answers messages from a zone and logs each before it is answered. Never throws. */
export function dnsResponder(
  zone: Zone,
  log: (query: DnsQuery) => void,
): (message: Buffer, arrival: DnsArrival) => Promise<Buffer | undefined> {
  return async (message, arrival) => {
    const query = readQuery(message)
    log({
      ...arrival,
      timeMs: Date.now(),
      name: query?.name.toLowerCase(),
      rawName: query?.name,
      type: query?.type,
      edns: query?.edns,
      bytes: Buffer.from(message),
    })
    if (query === undefined) return message.length < 12 ? undefined : formatError(message)
    const step = zone.ask(query.name, query.type)
    if (step.do === 'ignore') return undefined
    if (step.do === 'garbage') return Buffer.concat([message.subarray(0, 2), Buffer.alloc(14, 0xff)])
    if (step.delayMs > 0) await delay(step.delayMs)
    const overUdp = arrival.transport === 'udp'
    if (step.truncate && overUdp) return writeTruncated(query)
    return writeResponse(query, step.answer, overUdp ? udpLimit(query) : 65_535)
  }
}

/** Serves DNS on one address: UDP and TCP on 53, and TLS on 853 when there is a certificate for it. */
export async function serveDns(
  address: string,
  server: DnsArrival['server'],
  respond: ReturnType<typeof dnsResponder>,
  certificate?: KeyedCertificate,
): Promise<void> {
  const udp = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4' })
  udp.on('error', () => {})
  udp.on('message', async (message, from) => {
    const reply = await respond(message, { server, transport: 'udp', source: from.address, sourcePort: from.port })
    if (reply !== undefined && from.port !== 0) udp.send(reply, from.port, from.address, () => {})
  })
  udp.bind(53, address)
  const tcp = createServer({ allowHalfOpen: true }, socket => serveStream(socket, server, 'tcp', respond)).listen(
    53,
    address,
  )
  const listening: Promise<unknown>[] = [once(udp, 'listening'), once(tcp, 'listening')]
  if (certificate !== undefined) {
    const { certPem: cert, keyPem: key } = certificate
    const dot = createTlsServer({ cert, key, allowHalfOpen: true }, socket =>
      serveStream(socket, server, 'dot', respond),
    )
    dot.on('tlsClientError', () => {})
    listening.push(once(dot.listen(853, address), 'listening'))
  }
  await Promise.all(listening)
}

function serveStream(
  socket: Socket,
  server: DnsArrival['server'],
  transport: 'tcp' | 'dot',
  respond: ReturnType<typeof dnsResponder>,
): void {
  let pending = Buffer.alloc(0)
  let open = 0
  let finished = false
  const source = socket.remoteAddress ?? ''
  const sourcePort = socket.remotePort ?? 0
  const endWhenDone = () => {
    if (finished && open === 0) socket.end()
  }
  socket.on('error', () => {})
  socket.setTimeout(30_000, () => socket.destroy())
  socket.on('end', () => {
    finished = true
    endWhenDone()
  })
  const answer = async (message: Buffer): Promise<void> => {
    open += 1
    const reply = await respond(message, { server, transport, source, sourcePort })
    open -= 1
    if (reply !== undefined && socket.writable) {
      const length = Buffer.alloc(2)
      length.writeUInt16BE(reply.length)
      socket.write(Buffer.concat([length, reply]))
    }
    endWhenDone()
  }
  socket.on('data', piece => {
    pending = Buffer.concat([pending, piece])
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const message = Buffer.from(pending.subarray(2, 2 + pending.readUInt16BE(0)))
      pending = pending.subarray(2 + message.length)
      void answer(message)
    }
  })
}

function formatError(message: Buffer): Buffer {
  const reply = Buffer.alloc(12)
  message.copy(reply, 0, 0, 2)
  reply.writeUInt16BE(0x8081, 2)
  return reply
}

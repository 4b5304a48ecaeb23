import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { broken, held, type Finding } from './case.ts'
import { talkUdp } from './udp.ts'

/** Types of records, RFC 1035 §3.2.2. */
export const recordTypes = { A: 1, TXT: 16 } as const

const rcodeNames = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']
const patienceMs = 2_500

/** A name that nobody has: a fresh label under a domain that is reserved for that (RFC 6761). */
export function freshName(): string {
  return `${randomBytes(6).toString('hex')}.tidegate-attest.invalid`
}

/** One question with EDNS, so that the answer may say why. Labels may hold anything but dots. Pure but for its id. */
export function question(name: string, type: number): Buffer {
  const header = Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1])
  randomBytes(2).copy(header)
  const labels = name.split('.').flatMap(label => [Buffer.of(label.length), Buffer.from(label, 'latin1')])
  // OPT (RFC 6891 §6.1.2): the root, type 41, 1,232 bytes, no flags, no options.
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, type, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0])])
}

/** Asks over UDP or TCP; undefined when nobody answers. Never rejects. */
export async function ask(
  { server, port = 53, over }: { readonly server: string; readonly port?: number; readonly over: 'udp' | 'tcp' },
  message: Buffer,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  if (over === 'tcp') return askTcp(server, port, message, signal)
  const outcome = await talkUdp(server, port, message, signal)
  return 'heard' in outcome ? outcome.heard : undefined
}

async function askTcp(host: string, port: number, message: Buffer, signal: AbortSignal): Promise<Buffer | undefined> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
  const socket = connect({ host, port })
  let heard = Buffer.alloc(0)
  const whole = new AbortController()
  socket.on('data', (part: Buffer) => {
    heard = Buffer.concat([heard, part])
    if (heard.length >= 2 && heard.length >= 2 + heard.readUInt16BE(0)) whole.abort()
  })
  socket.on('error', () => whole.abort())
  socket.once('end', () => whole.abort())
  socket.write(framed(message))
  const over = AbortSignal.any([limit, whole.signal])
  if (!over.aborted) await once(over, 'abort')
  socket.destroy()
  return heard.length > 2 ? heard.subarray(2) : undefined
}

/** A message as TCP and TLS carry it, behind its length (RFC 1035 §4.2.2). Pure. */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

/**
 * Did our gateway answer, and refuse? It says so in the answer (RFC 8914), and a name that does not exist sounds the same
 * without: that one was asked outside. Pure.
 */
export function judgeDenied(where: string, answer: Buffer | undefined, change: string): Finding {
  if (answer === undefined) {
    return broken(
      `no answer from ${where}: the gateway answers DNS wherever it is sent to`,
      'is the gateway alive, and does DNS of the job reach it?',
    )
  }
  const rcode = answer.length < 4 ? undefined : (answer[3] ?? 0) & 15
  const words = answer.toString('latin1')
  if (rcode === 3 && words.includes('\u0000\u000ftidegate: ')) return held
  const said = rcode === undefined ? 'no DNS' : (rcodeNames[rcode] ?? `rcode ${rcode}`)
  return broken(`${where} said ${said}, without our refusal`, change)
}

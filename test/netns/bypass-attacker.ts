// The hostile build: does what its orders say and tells, as one JSON list of texts, what it got. Argument: a file of orders.
import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { isIP, type Socket, connect as connectTcp } from 'node:net'
import { checkServerIdentity, connect as connectTls, type TLSSocket } from 'node:tls'
import { Packet } from 'dns2'
import { unreachable } from '../../gateway/errors.ts'
import type { Deed, Orders, Say } from './bypass-deed.ts'

const patienceMs = 2_500
const rcodes = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']

function codeOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return typeof code === 'string' ? code : String(cause)
}

async function addressOf(to: string): Promise<string> {
  return isIP(to) === 0 ? (await lookup(to, { family: 4 })).address : to
}

/** Says everything, then listens until the other side closes, or patience ends. */
async function converse(socket: Socket, say: readonly Say[]): Promise<string> {
  let heard = ''
  let ending = ''
  const over = new AbortController()
  const end = (how: string): void => {
    ending ||= `[${how}]`
    over.abort()
  }
  const timer = setTimeout(() => end('silence'), patienceMs)
  socket.on('data', (bytes: Buffer) => {
    heard += bytes.toString('latin1')
    socket.emit('heard')
  })
  socket.on('error', cause => end(codeOf(cause)))
  socket.on('end', () => end('end'))
  socket.on('close', () => end('close'))
  try {
    for (const one of say) {
      if (typeof one === 'string') socket.write(Buffer.from(one, 'latin1'))
      else if ('hex' in one) socket.write(Buffer.from(one.hex, 'hex'))
      else if ('bytewise' in one) for (const byte of Buffer.from(one.bytewise, 'hex')) await writeOne(socket, byte)
      else if ('ends' in one) socket.end()
      else while (!heard.includes(one.reads)) await once(socket, 'heard', { signal: over.signal })
    }
    if (!over.signal.aborted) await once(over.signal, 'abort')
  } catch (cause) {
    if (!over.signal.aborted) throw cause
  }
  clearTimeout(timer)
  socket.destroy()
  return heard + ending
}

async function writeOne(socket: Socket, byte: number): Promise<void> {
  if (socket.destroyed) return
  await new Promise<void>(sent => socket.write(Buffer.of(byte), () => setImmediate(sent)))
}

async function tls(deed: Extract<Deed, { do: 'tls' }>): Promise<string> {
  const socket = await openTls(deed)
  return `[${String(socket.alpnProtocol)}] ${await converse(socket, deed.say)}`
}

async function openTls({
  to,
  port = 443,
  sni = to,
  alpn,
  lax,
}: Omit<Extract<Deed, { do: 'tls' }>, 'do' | 'say'>): Promise<TLSSocket> {
  const host = await addressOf(to)
  const identity = sni === false ? host : sni
  const socket = connectTls({
    host,
    port,
    rejectUnauthorized: lax !== true,
    ...(sni === false || isIP(sni) !== 0 ? {} : { servername: sni }),
    checkServerIdentity: (_name, certificate) => checkServerIdentity(identity, certificate),
    ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
  })
  await once(socket, 'secureConnect', { signal: AbortSignal.timeout(patienceMs) })
  return socket
}

async function http2({ to, sni, streams }: Extract<Deed, { do: 'h2' }>): Promise<string> {
  const socket = await openTls({ to, ...(sni === undefined ? {} : { sni }), alpn: ['h2'] })
  const session = connectHttp2(`https://${sni ?? to}`, { createConnection: () => socket })
  session.on('error', () => {})
  const told: string[] = []
  for (const fields of streams) told.push(await http2Stream(session, fields))
  session.destroy()
  return told.join('\n')
}

async function http2Stream(session: ClientHttp2Session, fields: readonly string[]): Promise<string> {
  if (session.closed || session.destroyed) return '[closed]'
  const stream = session.request(fields)
  let heard = ''
  stream.setEncoding('latin1')
  stream.on('response', headers => (heard += `:status ${String(headers[':status'])}\n`))
  stream.on('data', (text: string) => (heard += text))
  stream.on('error', () => {})
  stream.end()
  const closed = once(stream, 'close', { signal: AbortSignal.timeout(patienceMs) })
  try {
    await closed
  } catch (cause) {
    return `${heard}[${codeOf(cause)}]`
  }
  return `${heard}[rst ${stream.rstCode}]`
}

async function udp({ to, port, hex }: Extract<Deed, { do: 'udp' }>): Promise<string> {
  const socket = createSocket('udp4')
  try {
    socket.connect(port, await addressOf(to))
    await once(socket, 'connect')
    socket.send(Buffer.from(hex, 'hex'))
    const [answer]: Buffer[] = await once(socket, 'message', { signal: AbortSignal.timeout(1_500) })
    return answer?.toString('latin1') ?? ''
  } finally {
    socket.close()
  }
}

async function dns(deed: Extract<Deed, { do: 'dns' }>): Promise<string> {
  const answer =
    deed.over === 'udp'
      ? Buffer.from(await udp({ do: 'udp', to: deed.server, port: 53, hex: deed.hex }), 'latin1')
      : await dnsOverTcp(deed.server, deed.hex)
  if (answer.length < 12) return `[${answer.length} bytes]`
  const code = rcodes[(answer[3] ?? 0) & 15] ?? 'other'
  const records = answer.readUInt16BE(6) === 0 ? [] : Packet.parse(answer).answers
  const printable = answer.toString('latin1').replace(/[^\x20-\x7e]/g, '.')
  return `${code} ${JSON.stringify(records)} ${printable}`
}

async function dnsOverTcp(server: string, hex: string): Promise<Buffer> {
  const message = Buffer.from(hex, 'hex')
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  const socket = connectTcp({ host: server, port: 53 })
  const parts: Buffer[] = []
  socket.on('data', (bytes: Buffer) => parts.push(bytes))
  socket.end(Buffer.concat([length, message]))
  await once(socket, 'close', { signal: AbortSignal.timeout(patienceMs) })
  return Buffer.concat(parts).subarray(2)
}

async function program({ file, args, env }: Extract<Deed, { do: 'program' }>): Promise<string> {
  const options = { timeout: 15_000, env: { ...process.env, ...env }, maxBuffer: 1 << 20 }
  return new Promise(told => {
    execFile(file, [...args], options, (error, stdout, stderr) => {
      const code = error === null ? '0' : String(error.code ?? error.signal)
      told(`${stdout}${stderr}[exit ${code}]`)
    })
  })
}

async function perform(deed: Deed): Promise<string> {
  switch (deed.do) {
    case 'tcp':
      return converse(connectTcp({ host: await addressOf(deed.to), port: deed.port }), deed.say)
    case 'tls':
      return tls(deed)
    case 'h2':
      return http2(deed)
    case 'udp':
      return udp(deed)
    case 'dns':
      return dns(deed)
    case 'program':
      return program(deed)
    case 'steps': {
      const told: string[] = []
      for (const step of deed.steps) told.push(await attempt(step))
      return told.join('\n')
    }
    default:
      return unreachable(deed)
  }
}

async function attempt(deed: Deed): Promise<string> {
  try {
    return await perform(deed)
  } catch (cause) {
    return `[${codeOf(cause)}]`
  }
}

const { deeds, atOnce }: Orders = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'))
const told: string[] = deeds.map(() => '')
let next = 0
async function work(): Promise<void> {
  for (let at = next++; at < deeds.length; at = next++) {
    const deed = deeds[at]
    if (deed !== undefined) told[at] = await attempt(deed)
  }
}
await Promise.all(Array.from({ length: atOnce }, work))
process.stdout.write(JSON.stringify(told), () => process.exit(0))

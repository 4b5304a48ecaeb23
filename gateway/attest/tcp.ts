import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { broken, held, type Finding } from './case.ts'

/** How a TCP connection ended, as its client saw it. */
export interface TcpOutcome {
  /** False: the handshake was never answered, or the kernel refused to begin it. */
  readonly connected: boolean
  /** What was heard, as Latin-1; at most `mostHeard`. */
  readonly heard: string
  /** `end`, `silence`, or the name of an error. */
  readonly ending: string
}

/** Longer than a gateway under load takes to refuse. */
const patienceMs = 2_500
/** Enough for the head of any refusal. */
const mostHeard = 4_096
/** The kernel has no way there, or does not even let it begin. */
const noWay: ReadonlySet<string> = new Set([
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'EINVAL',
  'EACCES',
  'EPERM',
])

/** Says `text` on a connection, and listens until it is over. Never rejects. */
export async function talkTcp(host: string, port: number, text: string, signal: AbortSignal): Promise<TcpOutcome> {
  return talk(connectTcp({ host, port }), 'connect', text, signal)
}

/** The same inside TLS. Whose certificate it is does not matter: what is said in it tells who speaks. */
export async function talkTls(
  { host, port, sni }: { readonly host: string; readonly port: number; readonly sni?: string },
  text: string,
  signal: AbortSignal,
): Promise<TcpOutcome> {
  const name = sni === undefined ? {} : { servername: sni }
  return talk(connectTls({ host, port, rejectUnauthorized: false, ...name }), 'secureConnect', text, signal)
}

async function talk(socket: Socket, ready: 'connect' | 'secureConnect', text: string, signal: AbortSignal) {
  let connected = false
  let heard = ''
  const { promise, resolve } = Promise.withResolvers<string>()
  const stop = (): void => resolve('silence')
  const limit = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
  limit.addEventListener('abort', stop, { once: true })
  socket.once('connect', () => (connected = true))
  socket.once(ready, () => socket.write(text, 'latin1'))
  socket.on('data', (part: Buffer) => {
    heard += part.toString('latin1')
    if (heard.length >= mostHeard) resolve('end')
  })
  socket.on('error', cause => resolve('code' in cause ? String(cause.code) : cause.message))
  socket.once('end', () => resolve('end'))
  socket.once('close', () => resolve('end'))
  const ending = await promise
  limit.removeEventListener('abort', stop)
  socket.destroy()
  return { connected, heard: heard.slice(0, mostHeard), ending }
}

/**
 * Did the gateway refuse this connection? It answers every one, wherever to: so silence is not a refusal, but a packet that
 * may have gone anywhere. Pure.
 */
export function judgeTcp(where: string, { connected, heard, ending }: TcpOutcome, change: string): Finding {
  if (heard !== '') {
    return isRefusalPage(heard) ? held : broken(`${where} answered: ${heard.slice(0, 120)}`, change)
  }
  if (ending === 'silence') {
    const what = connected ? 'took the connection and kept it' : 'was asked, and nobody refused it'
    const gone = 'the gateway refuses at once what it refuses: is it alive, and does every packet of the job reach it?'
    return broken(`${where} ${what}`, connected ? change : gone)
  }
  // Whoever took the connection has ended it without a word; or nobody took it.
  if (connected || ending === 'ECONNREFUSED' || ending === 'ECONNRESET' || noWay.has(ending)) return held
  return broken(`${where} ended strangely: ${ending}`, change)
}

/** The same of plain HTTP: only the gateway's page will do. Pure. */
export function judgePage(where: string, outcome: TcpOutcome, change: string): Finding {
  const finding = judgeTcp(where, outcome, change)
  if (finding.kind === 'broken' || isRefusalPage(outcome.heard)) return finding
  return broken(`${where} ended it (${outcome.ending}), and not with the gateway’s page`, change)
}

/** Did the kernel itself say that it has no way there? Nothing else will do where there must be no route at all. Pure. */
export function judgeNoRoute(where: string, { connected, heard, ending }: TcpOutcome, change: string): Finding {
  if (!connected && heard === '' && noWay.has(ending)) return held
  return broken(connected ? `${where} took a connection` : `a packet was sent to ${where} (${ending})`, change)
}

/** Is it a page of the gateway's that says what was refused, and why? Pure. */
export function isRefusalPage(text: string): boolean {
  const head = text.split('\r\n\r\n', 1)[0] ?? ''
  return /^HTTP\/1\.[01] [45]\d\d /.test(head) && /\r\nx-tidegate-(?:reason|error):/i.test(head)
}

/** A plain request, in the words of HTTP/1.1. Pure. */
export function httpGet(host: string, path = '/'): string {
  return `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nuser-agent: tidegate-attest\r\nconnection: close\r\n\r\n`
}

/** Words of no protocol. */
export const gibberish = '(tidegate attest)\n'

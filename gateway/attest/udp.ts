import { createSocket } from 'node:dgram'
import { broken, held, type Finding } from './case.ts'

/** What came back of a datagram: bytes, the name of an error, or nothing. */
export type UdpOutcome = { readonly heard: Buffer } | { readonly errno: string } | { readonly silence: true }

const againMs = 250
const patienceMs = 1_500

/** Sends a datagram, again while nothing is heard. Never rejects. */
export async function talkUdp(host: string, port: number, bytes: Buffer, signal: AbortSignal): Promise<UdpOutcome> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  const { promise, resolve } = Promise.withResolvers<UdpOutcome>()
  const limit = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
  const stop = (): void => resolve({ silence: true })
  limit.addEventListener('abort', stop, { once: true })
  socket.on('error', cause => resolve({ errno: 'code' in cause ? String(cause.code) : cause.message }))
  socket.on('message', heard => resolve({ heard }))
  let again: NodeJS.Timeout | undefined
  const send = (): void => socket.send(bytes)
  socket.once('connect', () => {
    again = setInterval(send, againMs)
    send()
  })
  socket.connect(port, host)
  const outcome = await promise
  clearInterval(again)
  limit.removeEventListener('abort', stop)
  socket.close()
  return outcome
}

/** A datagram must bring nothing back: a refusal by ICMP, or silence where these are rationed. Pure. */
export function judgeUdp(where: string, outcome: UdpOutcome, change: string): Finding {
  return 'heard' in outcome ? broken(`${where} answered with ${outcome.heard.length} bytes`, change) : held
}

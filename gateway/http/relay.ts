import type { Socket } from 'node:net'
import { unreachable } from '../errors.ts'
import { answersInto } from './answers.ts'
import type { HttpContext } from './context.ts'
import { Conversation } from './conversation.ts'
import { receive } from './receiver.ts'
import { onPolicyChange } from './recheck.ts'
import { onClientBytes, onHeadTimeout, onHeldRequest } from './requests.ts'
import type { Stall } from './stall-watch.ts'

/**
 * Relays HTTP/1 between one client connection and its origin until the connection ends: heads are read for the decision
 * and pass byte for byte, bodies are framed and never re-encoded (docs/adr/0003-verbatim-relay.md).
 * Owns `client` (a plain or a TLS socket) from here on; it should be created with `allowHalfOpen: true` and a 64 KB
 * `highWaterMark`, and may be paused with bytes unread. Settles when the client connection is closed, and never rejects:
 * what went wrong is in the record.
 */
export function relayHttp1(client: Socket, context: HttpContext): Promise<void> {
  return new Promise(resolve => {
    const it = new Conversation(client, context, {
      answers: answersInto(() => it),
      onNextRequest: () => onHeldRequest(it),
      onStall: stall => onStall(it, stall),
    })
    const looking = context.job.onPolicyChange(() => onPolicyChange(it))
    const onClose = (hadError: boolean): void => {
      looking[Symbol.dispose]()
      onClientGone(it, hadError)
      resolve()
    }
    receive(client, bytes => onClientBytes(it, bytes))
    client.on('drain', () => it.clientDrained())
    client.on('end', () => it.clientEnded())
    client.on('close', onClose)
    if (client.destroyed) return onClose(false)
    client.resume()
    // While its origin was being reached it may have sent its end: that is told once, and nobody listened.
    if (client.readableEnded) it.clientEnded()
  })
}

function onClientGone(it: Conversation, hadError: boolean): void {
  const { exchange, state } = it
  if (exchange !== undefined && !exchange.complete && (state !== 'spliced' || hadError) && state !== 'closing') {
    exchange.noteError('CLIENT_ABORTED')
  }
  if (state === 'spliced' && !hadError) it.origin.part()
  it[Symbol.dispose]()
}

function onStall(it: Conversation, stall: Stall): void {
  switch (stall) {
    case 'idle':
      return it.close()
    case 'head':
      return onHeadTimeout(it)
    case 'exchange':
      it.exchange?.noteError(it.state === 'body' ? 'CLIENT_TIMEOUT' : 'UPSTREAM_TIMEOUT')
      return it.client.destroy()
    default:
      return unreachable(stall)
  }
}

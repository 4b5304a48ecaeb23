import { type Socket, createConnection } from 'node:net'
import { parseAddress } from '../net/address.ts'
import { parseHostname } from '../net/hostname.ts'
import { chooseCandidates } from './candidates.ts'
import type { Connect, Denied, Dialled, DialTarget, Resolver } from './outside.ts'
import { race } from './race.ts'

/** Peers that vanish without a word are noticed after this long without traffic, in milliseconds. */
const keepAliveMs = 30_000

/** Bytes read ahead of a slow client. Node takes it, its types do not know it: hence spread. */
export const bulkReads = { highWaterMark: 65_536 }

/**
 * Connects to `target` by TCP: resolves it, leaves out what may not be dialled, and races the rest (happy eyeballs,
 * RFC 8305). Denied (`private-address`) when nothing may be dialled. The caller owns the socket.
 * @throws GatewayError UPSTREAM_DNS, UPSTREAM_UNREACHABLE (details.attempts), UPSTREAM_TIMEOUT; the signal's reason when aborted.
 */
export async function dial(
  target: DialTarget,
  resolver: Resolver,
  signal: AbortSignal,
  connect: Connect = connectTcp,
): Promise<Dialled | Denied> {
  const name = parseAddress(target.host) === undefined ? parseHostname(target.host) : undefined
  const literal = parseAddress(target.host)
  const addresses = name !== undefined ? await resolver.resolve(name, signal) : literal !== undefined ? [literal] : []
  const candidates = chooseCandidates(target, addresses)
  return 'verdict' in candidates ? candidates : race(candidates, target, connect, signal)
}

/** Opens one TCP connection, with a read buffer that suits bulk transfers. */
export function connectTcp(address: string, port: number): Socket {
  return createConnection({
    host: address,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
    allowHalfOpen: true,
    ...bulkReads,
  })
}

import type { Socket } from 'node:net'
import { GatewayError } from '../errors.ts'
import type { Candidate } from './candidates.ts'
import type { Connect, Dialled, DialTarget } from './outside.ts'

/** Connection Attempt Delay, RFC 8305 §5, in milliseconds. */
const attemptDelayMs = 250
/** Until one of all attempts must have succeeded, in milliseconds. */
const connectTimeoutMs = 15_000

/**
 * Connects to the first of `candidates` that answers: one attempt every 250 ms, the next at once when one fails; the
 * losers are destroyed.
 * @throws GatewayError UPSTREAM_UNREACHABLE or UPSTREAM_TIMEOUT (details.attempts); the signal's reason when aborted.
 */
export function race(
  candidates: readonly Candidate[],
  target: DialTarget,
  connect: Connect,
  signal: AbortSignal,
): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    const pending = new Set<Socket>()
    const attempts: Record<string, string> = {}
    let next = 0
    let stagger: NodeJS.Timeout | undefined
    const deadline = setTimeout(() => fail('UPSTREAM_TIMEOUT', `no answer in ${connectTimeoutMs} ms`), connectTimeoutMs)

    function settle(winner?: Socket): void {
      clearTimeout(deadline)
      clearTimeout(stagger)
      signal.removeEventListener('abort', onAbort)
      for (const socket of pending) if (socket !== winner) socket.destroy()
      pending.clear()
    }

    function fail(code: 'UPSTREAM_UNREACHABLE' | 'UPSTREAM_TIMEOUT', what: string): void {
      settle()
      reject(
        new GatewayError(code, `cannot connect to ${target.host} port ${target.port}: ${what}`, {
          details: { attempts },
        }),
      )
    }

    function onAbort(): void {
      settle()
      reject(signal.reason)
    }

    function attempt(): void {
      const candidate = candidates[next]
      if (candidate === undefined) return
      next += 1
      const socket = connect(candidate.address, target.port)
      pending.add(socket)
      // For the socket's life: `close` follows every error, and it is there that holders look.
      socket.on('error', ignoreError)
      socket.once('connect', () => {
        settle(socket)
        resolve({
          socket,
          address: candidate.address,
          ...(candidate.observed && { observed: 'private-address' as const }),
        })
      })
      socket.once('error', (cause: NodeJS.ErrnoException) => {
        if (!pending.delete(socket)) return
        attempts[candidate.address] = cause.code ?? cause.message
        if (next < candidates.length) return attempt()
        if (pending.size === 0)
          fail(
            'UPSTREAM_UNREACHABLE',
            Object.entries(attempts)
              .map(([address, code]) => `${address} ${code}`)
              .join(', '),
          )
      })
      clearTimeout(stagger)
      if (next < candidates.length) stagger = setTimeout(attempt, attemptDelayMs)
    }

    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort)
    attempt()
  })
}

function ignoreError(): void {
  // Nothing to do here.
}

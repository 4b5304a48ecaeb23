import type { Socket } from 'node:net'
import { type SecureContext, type TLSSocket, connect, createSecureContext } from 'node:tls'
import { GatewayError } from '../errors.ts'
import { parseAddress } from '../net/address.ts'
import type { Port } from '../net/port.ts'
import type { Host } from '../policy/decision.ts'
import { bulkReads } from './dial.ts'
import { Lru } from './lru.ts'
import type { Alpn } from './pool.ts'

/** From the first byte of ours to a verified certificate, in milliseconds. */
const handshakeTimeoutMs = 15_000
const maxSessions = 1_024

/** Where a handshake goes, and which protocols it offers (none when empty). */
export interface HandshakeTarget {
  readonly host: Host
  readonly port: Port
  readonly alpn: readonly Alpn[]
}

/** TLS towards origins: one trust store, remembered sessions, always verified. Share one per process. */
export interface OriginTls {
  /**
   * Handshakes over `socket` and verifies the certificate for `host` (TLS 1.2 or newer, RFC 9525 names). Owns `socket`
   * until it returns; the caller owns what is returned, which is paused.
   * @throws GatewayError UPSTREAM_CERTIFICATE (details.reason), UPSTREAM_TLS (details.reason), UPSTREAM_TIMEOUT; the signal's reason when aborted.
   */
  handshake(socket: Socket, to: HandshakeTarget, signal: AbortSignal): Promise<TLSSocket>
}

/** `roots`: the certificates that are trusted, DER (the system's and the extra ones). */
export function openOriginTls(roots: readonly Uint8Array[]): OriginTls {
  const secureContext = createSecureContext({ ca: roots.map(pem), minVersion: 'TLSv1.2' })
  // Only sessions of verified connections get in, so a resumed one needs no certificate to be trusted.
  const sessions = new Lru<string, Buffer>(maxSessions)
  return { handshake: (socket, to, signal) => handshake(secureContext, sessions, socket, to, signal) }
}

function handshake(
  secureContext: SecureContext,
  sessions: Lru<string, Buffer>,
  socket: Socket,
  to: HandshakeTarget,
  signal: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const sessionKey = `${to.host} ${to.port} ${to.alpn.join()}`
    const session = sessions.get(sessionKey)
    // An address literal has no SNI (RFC 6066 §3); it is then verified by the certificate's IP addresses.
    const servername = parseAddress(to.host) === undefined ? to.host : ''
    const secure = connect({
      socket,
      host: to.host,
      servername,
      secureContext,
      rejectUnauthorized: true,
      ...bulkReads,
      ...(to.alpn.length > 0 && { ALPNProtocols: [...to.alpn] }),
      ...(session !== undefined && { session }),
    })
    const deadline = setTimeout(() => {
      fail(new GatewayError('UPSTREAM_TIMEOUT', `no TLS handshake with ${to.host} in ${handshakeTimeoutMs} ms`))
    }, handshakeTimeoutMs)

    function settle(): void {
      clearTimeout(deadline)
      signal.removeEventListener('abort', onAbort)
      secure.off('close', onClose)
    }

    function fail(cause: unknown): void {
      settle()
      secure.off('error', onError)
      secure.on('error', ignoreError)
      secure.destroy()
      reject(cause)
    }

    function onAbort(): void {
      fail(signal.reason)
    }

    function onClose(): void {
      fail(
        new GatewayError('UPSTREAM_TLS', `TLS handshake with ${to.host} failed: connection closed`, {
          details: { reason: 'closed' },
        }),
      )
    }

    function onError(cause: Error): void {
      fail(handshakeError(secure, to.host, cause))
    }

    // TLS 1.2 hands over its session before the certificate is judged, TLS 1.3 after.
    let early: Buffer | undefined
    secure.on('session', (fresh: Buffer) => {
      if (secure.authorized) sessions.set(sessionKey, fresh)
      else early = fresh
    })
    secure.once('secureConnect', () => {
      settle()
      secure.off('error', onError)
      secure.on('error', ignoreError)
      if (early !== undefined) sessions.set(sessionKey, early)
      secure.setNoDelay(true)
      secure.pause()
      resolve(secure)
    })
    secure.on('error', onError)
    secure.once('close', onClose)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort)
  })
}

function handshakeError(secure: TLSSocket, host: Host, cause: Error & { readonly code?: string }): GatewayError {
  const reason = cause.code ?? cause.message
  // Node sets this only when the chain or the name did not hold. Typed Error, at run time the code as a string, null before.
  const isCertificate = secure.authorizationError !== null && secure.authorizationError !== undefined
  return isCertificate
    ? new GatewayError('UPSTREAM_CERTIFICATE', `the certificate of ${host} cannot be trusted: ${reason}`, {
        cause,
        details: { reason },
      })
    : new GatewayError('UPSTREAM_TLS', `TLS handshake with ${host} failed: ${reason}`, { cause, details: { reason } })
}

/** Left on the socket for its life: `close` always follows an error, and it is there that holders look. */
function ignoreError(): void {
  // Nothing to do here.
}

function pem(der: Uint8Array): string {
  return `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`
}

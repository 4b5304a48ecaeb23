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
/** An origin that asked for a certificate has this long to turn down a client without one, in milliseconds. */
const turnedDownMs = 500

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
      if (mayTurnDown(secure)) awaitWord(secure, finish, onClose)
      else finish()
    })
    secure.on('error', onError)
    secure.once('close', onClose)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort)

    function finish(): void {
      settle()
      secure.off('error', onError)
      // For its life: Node leaves a connection open whose TLS is broken. `close` follows, and it is there that holders look.
      secure.on('error', () => secure.destroy())
      if (early !== undefined) sessions.set(sessionKey, early)
      secure.setNoDelay(true)
      secure.pause()
      resolve(secure)
    }
  })
}

/**
 * Did the origin ask for a certificate, of which we have none, in TLS 1.3? There it says no only when the handshake is over
 * for us. Its request names the signatures that it takes; without one nothing of that is known.
 */
function mayTurnDown(secure: TLSSocket): boolean {
  return secure.getProtocol() === 'TLSv1.3' && secure.getSharedSigalgs().length > 0
}

/** Waits for the origin's word on our certificate: a ticket means yes, so does saying nothing for a while; no is an error, or the end. */
function awaitWord(secure: TLSSocket, accepted: () => void, ended: () => void): void {
  const late = setTimeout(settle, turnedDownMs)
  // What it says already stays in the buffer; without looking nobody would see the end.
  const look = (): void => void secure.read(0)
  secure.on('readable', look).once('session', settle).once('end', ended).once('close', leave)

  function leave(): void {
    clearTimeout(late)
    secure.off('readable', look).off('session', settle).off('end', ended).off('close', leave)
  }

  function settle(): void {
    leave()
    accepted()
  }
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

/** Left on a socket that has been given up. */
function ignoreError(): void {
  // Nothing to do here.
}

function pem(der: Uint8Array): string {
  return `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`
}

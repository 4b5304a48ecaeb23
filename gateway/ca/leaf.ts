import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { parseHostname } from '../net/hostname.ts'
import type { Host } from '../policy/decision.ts'
import type { Authority } from './authority.ts'

/** How many names keep a ready TLS context; each costs some tens of kilobytes of OpenSSL's memory. */
const maxContexts = 512
/** Certificates made for refusals, per second, and how many may be made at once after a quiet time. */
const refusalsPerSecond = 20
const refusalBurst = 100

/** What a client may negotiate with us: nothing older than TLS 1.2 (RFC 8996), forward secrecy and AEAD only in 1.2. */
const clientFacingTls = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
  ].join(':'),
} as const

const nobody = requireHostname('tidegate.invalid')

/** Seams of a `LeafMint`; each has the real thing as its default. */
export interface LeafMintOptions {
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
  /** Called once for each certificate made. */
  readonly onIssued?: () => void
}

/**
 * TLS contexts for names, made when first asked for. All leaves share one key: the key never leaves this process, and a
 * key per name would cost more than the certificate. Contexts are kept least-recently-used first, so that a job that
 * asks for a million names costs time but no memory.
 */
export class LeafMint {
  readonly #authority: Authority
  readonly #publicKey: Buffer
  readonly #privateKeyPem: string
  /** One set of ticket keys for all names: a session that is resumed keeps working when its context was evicted. */
  readonly #ticketKeys = randomBytes(48)
  readonly #contexts = new Map<Host, SecureContext>()
  readonly #now: () => number
  readonly #onIssued: () => void
  #refusalTokens = refusalBurst
  #refilledAt: number

  constructor(authority: Authority, options: LeafMintOptions = {}) {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.#authority = authority
    this.#publicKey = pair.publicKey.export({ type: 'spki', format: 'der' })
    this.#privateKeyPem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    this.#now = options.now ?? performance.now.bind(performance)
    this.#onIssued = options.onIssued ?? (() => {})
    this.#refilledAt = this.#now()
  }

  /** Is there a context for `host` already? */
  isReadyFor(host: Host): boolean {
    return this.#contexts.has(host)
  }

  /** The TLS context that answers as `host`. */
  contextFor(host: Host): SecureContext {
    const known = this.#contexts.get(host)
    if (known !== undefined) {
      this.#contexts.delete(host)
      this.#contexts.set(host, known)
      return known
    }
    const made = createSecureContext(this.#identity(host))
    this.#contexts.set(host, made)
    if (this.#contexts.size > maxContexts) {
      const oldest = this.#contexts.keys().next()
      if (oldest.done !== true) this.#contexts.delete(oldest.value)
    }
    return made
  }

  /**
   * Options for a `tls.Server`: it answers as `host`, or, without one, as a name that nobody asks for: clients that send
   * no SNI then meet a certificate that no client accepts, and which is not counted.
   */
  serverIdentity(host?: Host): SecureContextOptions {
    return this.#identity(host ?? nobody)
  }

  #identity(host: Host): SecureContextOptions {
    if (host !== nobody) this.#onIssued()
    return {
      cert: this.#authority.issue(host, this.#publicKey),
      key: this.#privateKeyPem,
      ticketKeys: this.#ticketKeys,
      sessionIdContext: 'tidegate',
      // Clients are asked for no certificate. Without this Node loads the 145 roots that it knows to verify them: 2 MB.
      ca: [],
      ...clientFacingTls,
    }
  }

  /**
   * May a certificate be made for `host` only to tell the client that it is refused? False when the job asks for new
   * refused names faster than is sane; the refusal is then a TLS alert, which costs nothing.
   */
  mayRefuseAs(host: Host): boolean {
    if (this.isReadyFor(host)) return true
    const now = this.#now()
    const gained = ((now - this.#refilledAt) / 1000) * refusalsPerSecond
    this.#refusalTokens = Math.min(refusalBurst, this.#refusalTokens + gained)
    this.#refilledAt = now
    if (this.#refusalTokens < 1) return false
    this.#refusalTokens -= 1
    return true
  }
}

function requireHostname(name: string): Host {
  const host = parseHostname(name)
  if (host === undefined) throw new TypeError(`not a host name: ${name}`)
  return host
}

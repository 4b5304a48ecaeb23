import { createHash, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import type { Host } from '../policy/decision.ts'
import { bytesOf, parseAddress } from '../net/address.ts'
import {
  commonName,
  emptyName,
  extension,
  keyIdentifier,
  renderPem,
  signCertificate,
  type Validity,
} from './certificate.ts'

/** How far back a certificate is valid, so that a job whose clock is slow still accepts it. */
const clockSkewMs = 60 * 60 * 1000
/** A common name longer than this is not allowed (RFC 5280, ub-common-name); the name is then only in the SAN. */
const maxCommonName = 64

/** What `createAuthority` needs to know. */
export interface AuthorityOptions {
  /** Named in the subject, so that a person who meets the certificate knows whose it is. */
  readonly job: string
  /** Life of the authority, hours, more than 0. */
  readonly lifetimeHours: number
  /** Unix milliseconds. */
  readonly now: number
}

/**
 * The certificate authority of one job. Its private key is made here, stays in this object, and has no way out:
 * no method gives it, no serialiser sees it, nothing writes it. When the object is gone, so is the authority.
 */
export class Authority {
  readonly #key: KeyObject
  readonly #name: Buffer
  readonly #keyIdentifier: Buffer
  /** The certificate, DER. Public. */
  readonly certificate: Buffer
  /** The certificate, PEM. Public. */
  readonly certificatePem: string
  readonly validity: Validity

  constructor(options: AuthorityOptions) {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const publicKey = pair.publicKey.export({ type: 'spki', format: 'der' })
    this.#key = pair.privateKey
    this.#name = commonName(authorityName(options.job))
    this.#keyIdentifier = keyIdentifier(publicKey)
    this.validity = {
      notBefore: options.now - clockSkewMs,
      notAfter: options.now + options.lifetimeHours * 60 * 60 * 1000,
    }
    this.certificate = signCertificate(
      {
        issuer: this.#name,
        subject: this.#name,
        validity: this.validity,
        publicKey,
        extensions: [
          extension.certificateAuthority,
          extension.mayOnlySignCertificates,
          extension.subjectKey(this.#keyIdentifier),
        ],
      },
      this.#key,
    )
    this.certificatePem = renderPem(this.certificate)
  }

  /** The SHA-256 fingerprint of the certificate, lower-case hex. */
  get fingerprint(): string {
    return fingerprintOf(this.certificate)
  }

  /** Signs a server certificate for one name or address over the given key (SubjectPublicKeyInfo, DER). Returns PEM. */
  issue(host: Host, publicKey: Uint8Array): string {
    const address = parseAddress(host)
    const isShortName = address === undefined && host.length <= maxCommonName
    const certificate = signCertificate(
      {
        issuer: this.#name,
        subject: isShortName ? commonName(host) : emptyName,
        validity: this.validity,
        publicKey,
        extensions: [
          address === undefined
            ? extension.dnsName(host, !isShortName)
            : extension.ipAddress(Uint8Array.from(bytesOf(address))),
          extension.endEntity,
          extension.mayOnlySignHandshakes,
          extension.forServers,
          extension.subjectKey(keyIdentifier(publicKey)),
          extension.authorityKey(this.#keyIdentifier),
        ],
      },
      this.#key,
    )
    return renderPem(certificate)
  }
}

/** `Tidegate 1a2b3c4d for job NAME`: random, because two authorities of one name and different keys confuse clients. */
function authorityName(job: string): string {
  const start = `Tidegate ${randomBytes(4).toString('hex')} for job `
  return start + job.replace(/[^\x20-\x7e]/g, '?').slice(0, maxCommonName - start.length)
}

/** SHA-256 of a certificate in DER, lower-case hex: what tells two certificates apart. */
export function fingerprintOf(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex')
}

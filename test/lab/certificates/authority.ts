import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import {
  keyPem,
  mintCertificate,
  newKeyPair,
  type CertificateFacts,
  type Issuer,
  type KeyedCertificate,
} from './mint.ts'

/** A certificate authority of the lab; its key is worth nothing outside it. */
export interface Authority {
  readonly commonName: string
  readonly certPem: string
  readonly keyPem: string
}

/** Makes a new authority. */
export function newAuthority(commonName: string): Authority {
  const pair = newKeyPair()
  const issuer: Issuer = { commonName, ...pair }
  return {
    commonName,
    keyPem: keyPem(pair.privateKey),
    certPem: mintCertificate({ commonName, names: [], authority: true }, pair.publicKey, issuer),
  }
}

/** Mints leaves that chain to one authority; contexts are kept, one for each name. */
export class Minter {
  readonly #issuer: Issuer
  readonly #authorityPem: string
  readonly #leaf = newKeyPair()
  readonly #contexts = new Map<string, SecureContext>()

  constructor(authority: Authority) {
    this.#authorityPem = authority.certPem
    const privateKey: KeyObject = createPrivateKey(authority.keyPem)
    this.#issuer = { commonName: authority.commonName, privateKey, publicKey: createPublicKey(privateKey) }
  }

  /** A leaf certificate with its key. */
  mint(facts: CertificateFacts): KeyedCertificate {
    return {
      certPem: mintCertificate(facts, this.#leaf.publicKey, this.#issuer),
      keyPem: keyPem(this.#leaf.privateKey),
    }
  }

  /** A context that presents a good certificate for `host`. */
  contextFor(host: string): SecureContext {
    const known = this.#contexts.get(host)
    if (known !== undefined) return known
    // With the authority, for origins that ask for a client certificate.
    const context = contextOf(this.mint({ commonName: host.slice(0, 64), names: [host] }), this.#authorityPem)
    this.#contexts.set(host, context)
    return context
  }
}

/** A context that presents one certificate, and trusts `ca` for those of clients. */
export function contextOf({ certPem, keyPem: key }: KeyedCertificate, ca?: string): SecureContext {
  return createSecureContext({ cert: certPem, key, ...(ca === undefined ? {} : { ca }) })
}

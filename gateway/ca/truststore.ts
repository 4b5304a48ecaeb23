import { createHash, createHmac, randomBytes } from 'node:crypto'
import { bmpString, explicit, integer, nullValue, objectIdentifier, octetString, sequence, setOf } from './der.ts'

/** The password of every Java trust store, public by convention. The store holds no secret. */
export const trustStorePassword = 'changeit'

const oid = {
  data: objectIdentifier('1.2.840.113549.1.7.1'),
  certBag: objectIdentifier('1.2.840.113549.1.12.10.1.3'),
  x509Certificate: objectIdentifier('1.2.840.113549.1.9.22.1'),
  friendlyName: objectIdentifier('1.2.840.113549.1.9.20'),
  /** Oracle's attribute: without it Java reads a certificate but does not trust it. */
  trustedKeyUsage: objectIdentifier('2.16.840.1.113894.746875.1.1'),
  anyExtendedKeyUsage: objectIdentifier('2.5.29.37.0'),
  sha1: objectIdentifier('1.3.14.3.2.26'),
} as const

/** Iterations of the integrity key. The password is public, so more would only slow each JVM's start. */
const iterations = 1024

/** One certificate of a trust store. */
export interface TrustedCertificate {
  /** Unique in the store; Java compares it in lower case. */
  readonly alias: string
  /** DER. */
  readonly certificate: Uint8Array
}

/**
 * A PKCS#12 trust store (RFC 7292) that Java reads with `trustStorePassword`: certificates in the clear, sealed with
 * HMAC-SHA1. SHA-1 because JDK 8 before 8u301 and JDK 11 before 11.0.12 read no other seal, and because nothing rests on
 * it: whoever can write the file knows the password.
 */
export function renderTrustStore(certificates: readonly TrustedCertificate[]): Buffer {
  const bags = sequence(...certificates.map(renderBag))
  const authenticatedSafe = sequence(contentInfo(bags))
  const salt = randomBytes(20)
  const key = deriveMacKey(trustStorePassword, salt)
  const mac = createHmac('sha1', key).update(authenticatedSafe).digest()
  return sequence(
    integer(3),
    contentInfo(authenticatedSafe),
    sequence(sequence(sequence(oid.sha1, nullValue), octetString(mac)), octetString(salt), integer(iterations)),
  )
}

function contentInfo(content: Uint8Array): Buffer {
  return sequence(oid.data, explicit(0, octetString(content)))
}

function renderBag(entry: TrustedCertificate): Buffer {
  return sequence(
    oid.certBag,
    explicit(0, sequence(oid.x509Certificate, explicit(0, octetString(entry.certificate)))),
    setOf(
      sequence(oid.friendlyName, setOf(bmpString(entry.alias))),
      sequence(oid.trustedKeyUsage, setOf(oid.anyExtendedKeyUsage)),
    ),
  )
}

/** The PKCS#12 key derivation (RFC 7292 appendix B.2) for SHA-1, purpose 3 (integrity), 20 octets: one round suffices. */
function deriveMacKey(password: string, salt: Uint8Array): Buffer {
  const block = 64
  const purpose = Buffer.alloc(block, 3)
  const secret = Buffer.concat([Buffer.from(password, 'utf16le').swap16(), Buffer.alloc(2)])
  let key = createHash('sha1')
    .update(purpose)
    .update(repeatToBlocks(salt, block))
    .update(repeatToBlocks(secret, block))
    .digest()
  for (let round = 1; round < iterations; round += 1) key = createHash('sha1').update(key).digest()
  return key
}

function repeatToBlocks(bytes: Uint8Array, block: number): Buffer {
  const size = Math.ceil(bytes.length / block) * block
  return Buffer.from(Uint8Array.from({ length: size }, (_, index) => bytes[index % bytes.length] ?? 0))
}

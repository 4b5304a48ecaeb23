import { createHash, randomBytes, sign, type KeyObject } from 'node:crypto'
import {
  bitString,
  booleanTrue,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  time,
  unsignedInteger,
  utf8String,
} from './der.ts'

/** When a certificate holds, Unix milliseconds, cut to whole seconds. */
export interface Validity {
  readonly notBefore: number
  readonly notAfter: number
}

/** The fields of a certificate that differ between ours (RFC 5280 §4.1). */
export interface CertificateFields {
  /** DER of a Name, see `commonName`. */
  readonly issuer: Uint8Array
  /** DER of a Name; `emptyName` when the subject is only in the subject alternative name. */
  readonly subject: Uint8Array
  readonly validity: Validity
  /** DER of a SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  readonly extensions: readonly Uint8Array[]
}

const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
const version3 = explicit(0, integer(2))
const commonNameType = objectIdentifier('2.5.4.3')

/** A Name without attributes (RFC 5280 §4.1.2.6). */
export const emptyName: Buffer = sequence()

/** A Name of one common name. At most 64 characters (RFC 5280, ub-common-name). */
export function commonName(text: string): Buffer {
  return sequence(setOf(sequence(commonNameType, utf8String(text))))
}

/** Signs a certificate with an EC P-256 key; the serial number is 127 random bits. Returns DER. */
export function signCertificate(fields: CertificateFields, key: KeyObject): Buffer {
  const toBeSigned = sequence(
    version3,
    randomSerial(),
    ecdsaWithSha256,
    fields.issuer,
    sequence(time(fields.validity.notBefore), time(fields.validity.notAfter)),
    fields.subject,
    fields.publicKey,
    explicit(3, sequence(...fields.extensions)),
  )
  return sequence(toBeSigned, ecdsaWithSha256, bitString(sign('sha256', toBeSigned, key)))
}

/** The key identifier of a public key: SHA-1 of its bits (RFC 5280 §4.2.1.2, method 1). A name, not a protection. */
export function keyIdentifier(publicKey: Uint8Array): Buffer {
  // The SubjectPublicKeyInfo of a P-256 key ends with its 65-octet uncompressed point.
  return createHash('sha1').update(publicKey.subarray(-65)).digest()
}

/** Extensions by name, each ready for `CertificateFields.extensions`. */
export const extension = {
  /** May sign certificates, but no authority below it (pathLenConstraint 0). */
  certificateAuthority: critical('2.5.29.19', sequence(booleanTrue, integer(0))),
  endEntity: critical('2.5.29.19', sequence()),
  mayOnlySignCertificates: critical('2.5.29.15', bitString(Uint8Array.of(0b0000_0100), 2)),
  mayOnlySignHandshakes: critical('2.5.29.15', bitString(Uint8Array.of(0b1000_0000), 7)),
  forServers: ordinary('2.5.29.37', sequence(objectIdentifier('1.3.6.1.5.5.7.3.1'))),
  subjectKey: (identifier: Uint8Array): Buffer => ordinary('2.5.29.14', octetString(identifier)),
  authorityKey: (identifier: Uint8Array): Buffer => ordinary('2.5.29.35', sequence(implicit(0, identifier))),
  /** Critical when it is the only name in the certificate (RFC 5280 §4.2.1.6). */
  dnsName: (name: string, isOnlyName: boolean): Buffer =>
    subjectAlternativeName(implicit(2, Buffer.from(name, 'latin1')), isOnlyName),
  /** `bytes`: 4 (IPv4) or 16 (IPv6), network order. */
  ipAddress: (bytes: Uint8Array): Buffer => subjectAlternativeName(implicit(7, bytes), true),
} as const

function subjectAlternativeName(name: Uint8Array, isOnlyName: boolean): Buffer {
  return isOnlyName ? critical('2.5.29.17', sequence(name)) : ordinary('2.5.29.17', sequence(name))
}

function critical(oid: string, value: Uint8Array): Buffer {
  return sequence(objectIdentifier(oid), booleanTrue, octetString(value))
}

function ordinary(oid: string, value: Uint8Array): Buffer {
  return sequence(objectIdentifier(oid), octetString(value))
}

function randomSerial(): Buffer {
  const bytes = randomBytes(16)
  // Positive, and of constant length: the top bit clear, the next one set.
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return unsignedInteger(bytes)
}

/** A certificate as PEM text, with a line end at its end (RFC 7468). */
export function renderPem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

/** Every certificate in PEM text, as DER, in order. What is not a certificate is skipped. */
export function parsePemCertificates(text: string): readonly Buffer[] {
  const blocks = text.matchAll(/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([^-]*)-----END/g)
  return Array.from(blocks, ([, body = '']) => firstElement(Buffer.from(body, 'base64'))).filter(der => der.length > 0)
}

/** OpenSSL's TRUSTED CERTIFICATE has trust settings behind the certificate: only the first element is one. */
function firstElement(der: Buffer): Buffer {
  if (der.length < 2 || der[0] !== 0x30) return Buffer.alloc(0)
  const first = der[1] ?? 0
  const lengthSize = first < 0x80 ? 0 : first & 0x7f
  if (lengthSize > 4 || der.length < 2 + lengthSize) return Buffer.alloc(0)
  const size = lengthSize === 0 ? first : der.readUIntBE(2, lengthSize)
  const end = 2 + lengthSize + size
  return end <= der.length ? der.subarray(0, end) : Buffer.alloc(0)
}

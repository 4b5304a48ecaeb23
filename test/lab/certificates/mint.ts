import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { addressBytes } from '../address-bytes.ts'
import { bits, der, integer, octets, oid, sequence, time, truth, utf8 } from './der.ts'

/** A certificate with its private key, both PEM. */
export interface KeyedCertificate {
  readonly certPem: string
  readonly keyPem: string
}

/** What a certificate says. */
export interface CertificateFacts {
  readonly commonName: string
  /** DNS names (`*.` allowed) and addresses. */
  readonly names: readonly string[]
  readonly authority?: boolean
  /** Default: an hour ago, and a day from now. */
  readonly notBefore?: Date
  readonly notAfter?: Date
}

/** A name and a key that sign certificates. */
export interface Issuer {
  readonly commonName: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** A fresh P-256 key pair. */
export function newKeyPair(): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

/** Signs a certificate for `publicKey`. Returns PEM. */
export function mintCertificate(facts: CertificateFacts, publicKey: KeyObject, issuer: Issuer): string {
  const ecdsaSha256 = sequence(oid('1.2.840.10045.4.3.2'))
  const hour = 3_600_000
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([0x4c]), randomBytes(14)])),
    ecdsaSha256,
    name(issuer.commonName),
    sequence(
      time(facts.notBefore ?? new Date(Date.now() - hour)),
      time(facts.notAfter ?? new Date(Date.now() + 24 * hour)),
    ),
    name(facts.commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions(facts, publicKey, issuer.publicKey))),
  )
  const certificate = sequence(body, ecdsaSha256, bits(sign('sha256', body, issuer.privateKey)))
  return `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64').replaceAll(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`
}

/** PEM of a private key. */
export function keyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function name(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid('2.5.4.3'), utf8(commonName))))
}

function extensions(facts: CertificateFacts, own: KeyObject, issuers: KeyObject): Buffer[] {
  const alternatives = facts.names.map(host =>
    isIP(host) === 0 ? der(0x82, Buffer.from(host, 'latin1')) : der(0x87, addressBytes(host)),
  )
  return [
    extension('2.5.29.14', false, octets(keyId(own))),
    extension('2.5.29.35', false, sequence(der(0x80, keyId(issuers)))),
    facts.authority === true
      ? extension('2.5.29.19', true, sequence(truth()))
      : extension('2.5.29.19', true, sequence()),
    // keyCertSign and cRLSign, or digitalSignature.
    extension(
      '2.5.29.15',
      true,
      facts.authority === true ? bits(Buffer.from([0x06]), 1) : bits(Buffer.from([0x80]), 7),
    ),
    ...(facts.authority === true
      ? []
      : [extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2')))]),
    ...(alternatives.length === 0 ? [] : [extension('2.5.29.17', false, sequence(...alternatives))]),
  ]
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [truth()] : []), octets(value))
}

function keyId(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
}

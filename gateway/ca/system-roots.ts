import { readFile } from 'node:fs/promises'
import { rootCertificates } from 'node:tls'
import { parsePemCertificates } from './certificate.ts'

/** Where distributions keep the roots that programs trust, the most common first. */
export const wellKnownBundles = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Ubuntu, Alpine, Arch, Gentoo
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', // Fedora, RHEL, Amazon Linux
  '/etc/pki/tls/certs/ca-bundle.crt', // older RHEL
  '/etc/ssl/ca-bundle.pem', // SUSE
  '/etc/ssl/cert.pem', // Alpine, BSD
] as const

/** The roots of the machine, and where they were found. */
export interface SystemRoots {
  /** A file, or `node` when the machine has none and Node's own copy of Mozilla's list stands in. */
  readonly source: string
  /** DER. */
  readonly certificates: readonly Uint8Array[]
}

/** Reads the machine's roots: the first bundle that exists and holds a certificate. */
export async function readSystemRoots(bundles: readonly string[] = wellKnownBundles): Promise<SystemRoots> {
  for (const file of bundles) {
    const certificates = await readCertificates(file)
    if (certificates.length > 0) return { source: file, certificates }
  }
  return { source: 'node', certificates: rootCertificates.flatMap(pem => parsePemCertificates(pem)) }
}

/** The certificates of a PEM file as DER; none when the file does not exist or cannot be read. */
export async function readCertificates(file: string): Promise<readonly Uint8Array[]> {
  try {
    return parsePemCertificates(await readFile(file, 'utf8'))
  } catch (cause) {
    if (isUnreadable(cause)) return []
    throw cause
  }
}

const unreadable = new Set(['ENOENT', 'EACCES', 'EISDIR', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EPERM'])

function isUnreadable(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && unreadable.has(cause.code)
}

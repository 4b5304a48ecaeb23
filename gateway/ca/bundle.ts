import { X509Certificate } from 'node:crypto'
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GatewayError } from '../errors.ts'
import { fingerprintOf, type Authority } from './authority.ts'
import { renderPem } from './certificate.ts'
import { readNamedBundles } from './named-bundles.ts'
import { readCertificates, readSystemRoots, type SystemRoots } from './system-roots.ts'
import {
  planTrustEnvironment,
  renderJsonEnvironment,
  renderShellEnvironment,
  unknownEnvironment,
  type EnvironmentChanges,
  type OuterEnvironment,
} from './trust-environment.ts'
import { planToolSettings } from './tool-settings.ts'
import { renderTrustStore, type TrustedCertificate } from './truststore.ts'

/** What `writeTrust` puts together. */
export interface TrustSources {
  readonly authority: Authority
  /** The environment the job would have had; bundles it names are merged. */
  readonly environment: OuterEnvironment
  /** Variables that the job gets besides. */
  readonly added?: Readonly<Record<string, string>>
  /** PEM files of the policy's `tls.extraCa`. */
  readonly extraCa: readonly string[]
  /** Where the job sees the directory, when that is not where we write it. */
  readonly mountedAt?: string
  /** Where the machine's settings are, `/etc` unless a test says otherwise. */
  readonly etc?: string
  /** The machine's roots, when already read. */
  readonly systemRoots?: SystemRoots
}

/** What was written for the job. */
export interface WrittenTrust {
  /** The variables for the job: text sets, `null` removes. The same as in `env.json`. */
  readonly environment: EnvironmentChanges
  /** Certificates in the bundle, ours among them. */
  readonly certificates: number
  /** DER: those without ours, each once. */
  readonly roots: readonly Uint8Array[]
  /** Facts for the user: bundles that could not be read, proxies that were taken out. */
  readonly warnings: readonly string[]
}

/**
 * Writes the files that make the job's toolchains trust the gateway: `ca.crt`, `bundle.pem`, `truststore.p12`, settings
 * of tools, `env` and `env.json`. Each is replaced whole. Readable by everyone; none holds a secret.
 * @throws GatewayError OUT_UNWRITABLE, CONFIG_INVALID when an extra CA file holds no certificate
 */
export async function writeTrust(directory: string, sources: TrustSources): Promise<WrittenTrust> {
  const roots = sources.systemRoots ?? (await readSystemRoots())
  const named = await readNamedBundles(sources.environment, sources.etc)
  const extra = await readExtraCa(sources.extraCa)
  const more = [...named.certificates, ...extra]
  const trusted = deduplicate([...roots.certificates, ...more], sources.authority.certificate)

  const seenAt = sources.mountedAt ?? directory
  const bundle = join(seenAt, 'bundle.pem')
  const settings = await planToolSettings(sources.environment, bundle)
  const environment = {
    ...planTrustEnvironment(
      sources.environment,
      { authority: join(seenAt, 'ca.crt'), bundle, trustStore: join(seenAt, 'truststore.p12') },
      more.length > 0,
    ),
    ...settings.variables,
    ...sources.added,
  }

  try {
    await mkdir(directory, { recursive: true, mode: 0o755 })
    await chmod(directory, 0o755)
    await replaceFile(join(directory, 'ca.crt'), sources.authority.certificatePem)
    await replaceFile(join(directory, 'bundle.pem'), trusted.map(entry => renderPem(entry.certificate)).join(''))
    await replaceFile(join(directory, 'truststore.p12'), renderTrustStore(trusted))
    for (const [name, text] of Object.entries(settings.files)) await replaceFile(join(directory, name), text)
    await replaceFile(join(directory, 'env'), renderShellEnvironment(environment))
    await replaceFile(join(directory, 'env.json'), renderJsonEnvironment(environment))
  } catch (cause) {
    throw new GatewayError('OUT_UNWRITABLE', `the trust files cannot be written to ${directory}`, { cause })
  }

  const isKnown = sources.environment !== unknownEnvironment
  const unset = Object.entries(environment).filter(([, value]) => value === null && isKnown)
  const proxies = unset.map(([name]) => `${name} is taken out of the job's environment: the wire needs no proxy`)
  return {
    environment,
    certificates: trusted.length,
    roots: trusted.flatMap(({ certificate }) => (certificate === sources.authority.certificate ? [] : [certificate])),
    warnings: [...named.warnings, ...settings.warnings, ...proxies],
  }
}

/** The certificates of the files that a policy names in `tls.extraCa`. @throws GatewayError CONFIG_INVALID */
export async function readExtraCa(files: readonly string[]): Promise<readonly Uint8Array[]> {
  const certificates: Uint8Array[] = []
  for (const file of files) {
    const found = await readCertificates(file)
    if (found.length === 0) throw new GatewayError('CONFIG_INVALID', `tls.extraCa: no certificate in ${file}`)
    certificates.push(...found)
  }
  return certificates
}

/** Each certificate once, ours last. What OpenSSL cannot read is left out: it would spoil the file for every tool. */
function deduplicate(certificates: readonly Uint8Array[], ours: Uint8Array): readonly TrustedCertificate[] {
  const byFingerprint = new Map<string, TrustedCertificate>()
  for (const certificate of certificates) {
    const fingerprint = fingerprintOf(certificate)
    if (!byFingerprint.has(fingerprint) && isCertificate(certificate)) {
      byFingerprint.set(fingerprint, { alias: `root-${fingerprint.slice(0, 16)}`, certificate })
    }
  }
  byFingerprint.delete(fingerprintOf(ours))
  return [...byFingerprint.values(), { alias: 'tidegate', certificate: ours }]
}

function isCertificate(der: Uint8Array): boolean {
  try {
    return new X509Certificate(der).raw.length > 0
  } catch {
    return false
  }
}

async function replaceFile(file: string, content: string | Uint8Array): Promise<void> {
  const draft = `${file}.new`
  await writeFile(draft, content, { mode: 0o644 })
  await chmod(draft, 0o644)
  await rename(draft, file)
}

import { writeFile } from 'node:fs/promises'
import { newAuthority } from '../../test/lab/certificates/authority.ts'
import { Minter } from '../../test/lab/certificates/authority.ts'
import { runChecked } from '../../test/lab/program.ts'
import { originName } from '../rig/rig.ts'

/** Files of a peer that shows one certificate, made beforehand, for every name. */
export interface StaticCertificate {
  readonly caPath: string
  readonly certPath: string
  readonly keyPath: string
  /** Both in one file, as haproxy wants it. */
  readonly bothPath: string
}

/** Mints an EC P-256 certificate for the origin's names: the same key type as Tidegate's leaves. */
export async function writeStaticCertificate(folder: string): Promise<StaticCertificate> {
  const authority = newAuthority('Bench Static CA')
  const { certPem, keyPem } = new Minter(authority).mint({
    commonName: originName,
    names: [originName, `*.${originName}`],
  })
  const files = {
    caPath: `${folder}/ca.pem`,
    certPath: `${folder}/cert.pem`,
    keyPath: `${folder}/key.pem`,
    bothPath: `${folder}/both.pem`,
  }
  await writeFile(files.caPath, authority.certPem)
  await writeFile(files.certPath, certPem)
  await writeFile(files.keyPath, keyPem)
  await writeFile(files.bothPath, certPem + keyPem)
  return files
}

/** Makes an RSA-2048 authority for peers that mint and are at home with RSA. Paths of certificate and key. */
export async function writeRsaAuthority(
  folder: string,
): Promise<{ readonly certPath: string; readonly keyPath: string }> {
  const [certPath, keyPath] = [`${folder}/ca.pem`, `${folder}/ca-key.pem`]
  const subject = ['-subj', '/CN=Bench RSA CA', '-addext', 'basicConstraints=critical,CA:TRUE']
  const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', keyPath, '-out', certPath, '-days', '2']
  await runChecked('openssl', ['req', '-x509', ...key, ...subject, '-addext', 'keyUsage=critical,keyCertSign,cRLSign'])
  return { certPath, keyPath }
}

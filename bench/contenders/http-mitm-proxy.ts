import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { newAuthority } from '../../test/lab/certificates/authority.ts'
import type { Contender } from './contender.ts'
import { openDaemon, versionOf } from './daemon.ts'

const port = 8_445
const driver = fileURLToPath(new URL('http-mitm-proxy-driver.ts', import.meta.url))
const manifest = fileURLToPath(new URL('../../node_modules/http-mitm-proxy/package.json', import.meta.url))

/** The npm package http-mitm-proxy, made better than published: see its driver. No HTTP/2. */
export const httpMitmProxy: Contender = {
  name: 'http-mitm-proxy',
  protocols: ['h1'],
  version: () => versionOf('grep', '"version"', manifest),
  async open(rig) {
    const folder = await rig.folder('http-mitm-proxy')
    const { certPem, keyPem, commonName } = newAuthority('Bench EC CA')
    await writeFile(`${folder}/authority.json`, JSON.stringify({ certPem, keyPem, commonName }))
    await writeFile(`${folder}/ca.pem`, certPem)
    return openDaemon(rig, {
      name: 'http-mitm-proxy',
      file: process.execPath,
      args: [driver, String(port), folder],
      env: { NODE_EXTRA_CA_CERTS: rig.lab.ca.certPath },
      serves: { tls: port },
      caPath: `${folder}/ca.pem`,
    })
  },
}

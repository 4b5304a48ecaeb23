import { writeFile } from 'node:fs/promises'
import { originName } from '../rig/rig.ts'
import { writeStaticCertificate } from './certificates.ts'
import type { Contender } from './contender.ts'
import { openDaemon, versionOf } from './daemon.ts'

const port = 8_442

/** The other near limit, with HTTP/2 on both sides. */
export const haproxy: Contender = {
  name: 'haproxy',
  protocols: ['h1', 'h2'],
  version: () => versionOf('haproxy', '-v'),
  async open(rig) {
    const folder = await rig.folder('haproxy')
    const { bothPath, caPath } = await writeStaticCertificate(folder)
    const origin = `${rig.lab.addresses.bulk.v4}:443 ssl verify required ca-file ${rig.lab.ca.certPath}`
    await writeFile(
      `${folder}/haproxy.cfg`,
      `global
  maxconn 4096
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-keep-alive
  http-reuse always
frontend job
  bind 0.0.0.0:${port} ssl crt ${bothPath} alpn h2,http/1.1
  default_backend origin
backend origin
  server bulk ${origin} sni str(${originName}) alpn h2,http/1.1 pool-max-conn 512
`,
    )
    const args = ['-f', `${folder}/haproxy.cfg`, '-db']
    return openDaemon(rig, { name: 'haproxy', file: 'haproxy', args, serves: { tls: port }, caPath })
  },
}

import { readFile, writeFile } from 'node:fs/promises'
import { writeRsaAuthority } from './certificates.ts'
import type { Contender } from './contender.ts'
import { openDaemon, versionOf } from './daemon.ts'

const port = 8_444

/** mitmproxy's `mitmdump`, transparent, streaming what is large, printing nothing. */
export const mitmproxy: Contender = {
  name: 'mitmproxy',
  protocols: ['h1', 'h2'],
  version: () => versionOf('mitmdump', '--version'),
  async open(rig) {
    const folder = await rig.folder('mitmproxy')
    const { certPath, keyPath } = await writeRsaAuthority(folder)
    await writeFile(
      `${folder}/mitmproxy-ca.pem`,
      (await readFile(keyPath, 'utf8')) + (await readFile(certPath, 'utf8')),
    )
    const settings = [
      `confdir=${folder}`,
      `ssl_verify_upstream_trusted_ca=${rig.lab.ca.certPath}`,
      'flow_detail=0',
      'stream_large_bodies=64k',
    ].flatMap(setting => ['--set', setting])
    const listen = ['--mode', 'transparent', '--showhost', '--listen-host', '0.0.0.0', '-p', String(port)]
    const args = ['-q', ...listen, ...settings]
    return openDaemon(rig, { name: 'mitmproxy', file: 'mitmdump', args, serves: { tls: port }, caPath: certPath })
  },
}

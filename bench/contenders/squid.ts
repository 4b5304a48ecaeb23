import { writeFile } from 'node:fs/promises'
import { runChecked } from '../../test/lab/program.ts'
import { writeRsaAuthority } from './certificates.ts'
import type { Contender } from './contender.ts'
import { openDaemon, versionOf } from './daemon.ts'

const port = 8_443
const helper = '/usr/lib/squid/security_file_certgen'

/** Squid with ssl-bump: mints a certificate per name in helper processes, keeps nothing, logs nothing. No HTTP/2. */
export const squid: Contender = {
  name: 'squid',
  protocols: ['h1'],
  version: () => versionOf('squid', '-v'),
  async open(rig) {
    const folder = await rig.folder('squid')
    const { certPath, keyPath } = await writeRsaAuthority(folder)
    await runChecked('rm', ['-rf', `${folder}/minted`])
    await runChecked(helper, ['-c', '-s', `${folder}/minted`, '-M', '16MB'])
    await writeFile(
      `${folder}/squid.conf`,
      `http_port 127.0.0.1:3128
https_port 0.0.0.0:${port} intercept ssl-bump generate-host-certificates=on dynamic_cert_mem_cache_size=16MB cert=${certPath} key=${keyPath}
sslcrtd_program ${helper} -s ${folder}/minted -M 16MB
sslcrtd_children 4 startup=2 idle=1
acl step1 at_step SslBump1
ssl_bump peek step1
ssl_bump bump all
tls_outgoing_options cafile=${rig.lab.ca.certPath}
http_access allow all
cache deny all
cache_mem 8 MB
access_log none
cache_log ${folder}/cache.log
cache_store_log none
pid_filename ${folder}/squid.pid
coredump_dir ${folder}
dns_nameservers ${rig.lab.addresses.resolver.v4}
host_verify_strict off
pinger_enable off
shutdown_lifetime 0 seconds
max_filedescriptors 16384
visible_hostname squid.test
`,
    )
    // It drops to this user by itself.
    await runChecked('chown', ['-R', 'proxy', folder])
    const args = ['-N', '-f', `${folder}/squid.conf`]
    return openDaemon(rig, { name: 'squid', file: 'squid', args, serves: { tls: port }, caPath: certPath })
  },
}

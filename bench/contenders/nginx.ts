import { writeFile } from 'node:fs/promises'
import { originName } from '../rig/rig.ts'
import { writeStaticCertificate, type StaticCertificate } from './certificates.ts'
import type { Contender } from './contender.ts'
import { openDaemon, versionOf } from './daemon.ts'

const port = 8_441

/** The near limit: TLS in and TLS out with one certificate made beforehand; no policy, no log, no new names. */
export const nginx: Contender = {
  name: 'nginx',
  protocols: ['h1', 'h2'],
  version: () => versionOf('nginx', '-v'),
  async open(rig) {
    const folder = await rig.folder('nginx')
    const certificate = await writeStaticCertificate(folder)
    const origin = rig.lab.addresses.bulk.v4
    await writeFile(`${folder}/nginx.conf`, renderConf({ folder, certificate, origin, trusted: rig.lab.ca.certPath }))
    const args = ['-p', folder, '-c', `${folder}/nginx.conf`, '-e', `${folder}/error.log`]
    return openDaemon(rig, { name: 'nginx', file: 'nginx', args, serves: { tls: port }, caPath: certificate.caPath })
  },
}

interface Facts {
  readonly folder: string
  readonly certificate: StaticCertificate
  readonly origin: string
  readonly trusted: string
}

function renderConf({ folder, certificate, origin, trusted }: Facts): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    kind => `  ${kind}_temp_path ${folder}/${kind};`,
  )
  return `daemon off;
master_process off;
user root;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
worker_rlimit_nofile 65536;
events { worker_connections 16384; }
http {
${temporary.join('\n')}
  access_log off;
  keepalive_requests 100000000;
  client_max_body_size 0;
  upstream origin { server ${origin}:443; keepalive 512; keepalive_requests 100000000; }
  server {
    listen ${port} ssl http2 backlog=4096;
    ssl_certificate ${certificate.certPath};
    ssl_certificate_key ${certificate.keyPath};
    ssl_protocols TLSv1.2 TLSv1.3;
    location / {
      proxy_pass https://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_ssl_server_name on;
      proxy_ssl_name ${originName};
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate ${trusted};
      proxy_buffers 16 32k;
      proxy_max_temp_file_size 0;
      proxy_request_buffering off;
    }
  }
}
`
}

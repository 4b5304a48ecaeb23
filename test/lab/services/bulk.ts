import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { addresses } from '../addresses.ts'
import { patternPieces } from '../origins/pattern.ts'
import { startDaemon } from './daemon.ts'
import type { ServiceContext } from './start.ts'

/** nginx for transfers and benchmarks: one process, nothing logged, nothing recorded. */
export async function startBulk({ config, minter, pids }: ServiceContext): Promise<void> {
  const dir = `${config.dir}/bulk`
  for (const folder of ['www/up', 'temporary']) mkdirSync(`${dir}/${folder}`, { recursive: true })
  const { certPem, keyPem } = minter.mint({
    commonName: 'bulk.acme.test',
    names: ['bulk.acme.test', '*.bulk.acme.test'],
  })
  writeFileSync(`${dir}/cert.pem`, certPem)
  writeFileSync(`${dir}/key.pem`, keyPem)
  writeFileSync(`${dir}/www/1k`, Buffer.concat([...patternPieces(1_024)]))
  for (const [name, bytes] of [
    ['100m', 104_857_600],
    ['1g', 1_073_741_824],
  ] as const) {
    writeFileSync(`${dir}/www/${name}`, '')
    truncateSync(`${dir}/www/${name}`, bytes)
  }
  writeFileSync(`${dir}/nginx.conf`, renderNginx(dir))
  pids['bulk'] = await startDaemon({
    file: '/usr/sbin/nginx',
    args: ['-p', dir, '-c', `${dir}/nginx.conf`, '-e', `${dir}/error.log`],
    address: addresses.bulk.v4,
    port: 443,
  })
}

function renderNginx(dir: string): string {
  const { v4, v6 } = addresses.bulk
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    kind => `  ${kind}_temp_path ${dir}/temporary/${kind};`,
  )
  return `daemon off;
master_process off;
user root;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log warn;
worker_rlimit_nofile 65536;
events { worker_connections 16384; }
http {
${temporary.join('\n')}
  access_log off;
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  keepalive_timeout 120s;
  client_max_body_size 0;
  client_body_buffer_size 1m;
  http2_max_concurrent_streams 512;
  server {
    listen ${v4}:80 backlog=4096;
    listen [${v6}]:80;
    listen ${v4}:443 ssl http2 backlog=4096;
    listen [${v6}]:443 ssl http2;
    ssl_certificate ${dir}/cert.pem;
    ssl_certificate_key ${dir}/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    root ${dir}/www;
    location / { }
    location /up/ { dav_methods PUT DELETE; }
  }
}
`
}

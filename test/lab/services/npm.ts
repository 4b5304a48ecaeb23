import { mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { drained } from '../origins/drained.ts'
import type { Exchange, Handler, HeaderLine, Reply } from '../origins/exchange.ts'
import { startDaemon } from './daemon.ts'
import { npmPackages, type NpmPackage } from './npm-packages.ts'
import { digestOf } from './static-files.ts'
import type { ServiceContext } from './start.ts'
import { tarOf } from './tar.ts'

const backend = { address: '127.0.0.1', port: 4_873 }
const hop: ReadonlySet<string> = new Set(['connection', 'transfer-encoding', 'keep-alive'])

/** Verdaccio, with packages laid into its storage, behind the lab's own origin so that requests are recorded. */
export async function startNpm({ config, hosts, pids }: ServiceContext): Promise<void> {
  const dir = `${config.dir}/npm`
  mkdirSync(`${dir}/storage`, { recursive: true })
  for (const contents of npmPackages) writePackage(`${dir}/storage`, contents)
  writeFileSync(`${dir}/config.yaml`, renderVerdaccio(dir))
  const verdaccio = fileURLToPath(new URL('../../../node_modules/verdaccio/bin/verdaccio', import.meta.url))
  pids['npm'] = await startDaemon({
    file: process.execPath,
    args: [verdaccio, '--config', `${dir}/config.yaml`, '--listen', `${backend.address}:${backend.port}`],
    env: { VERDACCIO_PUBLIC_URL: 'https://npm.acme.test', NODE_ENV: 'production' },
    ...backend,
    startTimeoutMs: 30_000,
  })
  hosts.set('npm.acme.test', forward)
}

function writePackage(storage: string, { manifest, files }: NpmPackage): void {
  const { name, version } = manifest
  const archive = gzipSync(
    tarOf([
      { path: 'package/package.json', content: JSON.stringify(manifest) },
      ...files.map(file => ({ ...file, path: `package/${file.path}` })),
    ]),
  )
  const file = `${name}-${version}.tgz`
  const shasum = digestOf('sha1', archive)
  const scripts = 'scripts' in manifest ? { hasInstallScript: true } : {}
  const dist = {
    shasum,
    integrity: `sha512-${digestOf('sha512', archive, 'base64')}`,
    tarball: `https://npm.acme.test/${name}/-/${file}`,
  }
  const packument = {
    _id: name,
    name,
    'dist-tags': { latest: version },
    versions: { [version]: { ...manifest, ...scripts, _id: `${name}@${version}`, dist } },
    time: {
      created: '2026-01-01T00:00:00.000Z',
      modified: '2026-01-01T00:00:00.000Z',
      [version]: '2026-01-01T00:00:00.000Z',
    },
    users: {},
    readme: '',
    _rev: '1-0',
    _uplinks: {},
    _distfiles: {},
    _attachments: { [file]: { shasum, version } },
  }
  mkdirSync(`${storage}/${name}`)
  writeFileSync(`${storage}/${name}/package.json`, JSON.stringify(packument))
  writeFileSync(`${storage}/${name}/${file}`, archive)
}

function renderVerdaccio(dir: string): string {
  return `storage: ${dir}/storage
auth:
  htpasswd:
    file: ${dir}/htpasswd
packages:
  '**':
    access: $all
    publish: $all
    unpublish: $all
web:
  enable: false
log: { type: stdout, format: pretty, level: error }
`
}

const forward: Handler = async (exchange: Exchange): Promise<Reply> => {
  const headers = exchange.headers
    .filter(([name]) => !name.startsWith(':') && !hop.has(name.toLowerCase()))
    .concat([['x-forwarded-proto', 'https']])
  const outgoing = request({
    host: backend.address,
    port: backend.port,
    method: exchange.method,
    path: exchange.target,
    headers: [
      ...headers,
      ...(headers.some(([name]) => name.toLowerCase() === 'host') ? [] : [['Host', exchange.host] as const]),
    ].flat(),
  })
  const answered = once(outgoing, 'response')
  answered.catch(() => {})
  for await (const piece of exchange.body) if (!outgoing.write(piece)) await drained(outgoing)
  outgoing.end()
  const [incoming] = await answered
  const raw: readonly string[] = incoming.rawHeaders
  const lines = Array.from({ length: raw.length >> 1 }, (_, index): HeaderLine => [
    raw[index * 2] ?? '',
    raw[index * 2 + 1] ?? '',
  ])
  return {
    status: incoming.statusCode,
    headers: lines.filter(([name]) => !hop.has(name.toLowerCase())),
    body: incoming,
  }
}

import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type { ScriptHandler } from '../lab/origin-log.ts'
import type { NpmPackage } from '../lab/services/npm-packages.ts'
import { tarOf } from '../lab/services/tar.ts'

/** A package of a made-up registry. */
export interface OfferedPackage extends NpmPackage {
  /** RFC 3339; told in the whole metadata, and with the file. */
  readonly publishedAt?: string
  /** RFC 3339, of the newest change of the package, told in the short metadata; default: when it was published. */
  readonly changedAt?: string
  /** The metadata promises another file than the one that is served. */
  readonly isForged?: boolean
}

interface Served {
  readonly fields: readonly (readonly [string, string])[]
  readonly body: Buffer | string
}

const short = 'application/vnd.npm.install-v1+json'

/**
 * A registry that answers for these packages, as the public one would: the short form of the metadata has no times but that
 * of its last change, the files have theirs. Everything else is not found.
 */
export function npmRegistry(host: string, packages: readonly OfferedPackage[]): ScriptHandler {
  const answers = new Map<string, (wantsShort: boolean) => Served>()
  for (const offered of packages) {
    const { name, version } = offered.manifest
    const archive = archiveOf(offered)
    const path = `/${name}/-/${name.split('/').at(-1) ?? name}-${version}.tgz`
    const date = offered.publishedAt === undefined ? [] : [dated(offered.publishedAt)]
    const others = packages.filter(({ manifest }) => manifest.name === name)
    answers.set(`/${name.replace('/', '%2f')}`, wantsShort => ({
      fields: [['content-type', wantsShort ? short : 'application/json']],
      body: JSON.stringify(document(host, others, wantsShort)),
    }))
    answers.set(path, () => ({ fields: [['content-type', 'application/octet-stream'], ...date], body: archive }))
  }
  return ({ path, headers }) => {
    const found = answers.get(path)
    if (found === undefined) return { status: 404, headers: [['content-type', 'application/json']], body: '{}' }
    const wantsShort = headers.some(([name, value]) => name.toLowerCase() === 'accept' && value.includes(short))
    const { fields, body } = found(wantsShort)
    return { status: 200, headers: fields, body }
  }
}

/** What it says of one package, in all its versions. */
function document(host: string, versions: readonly OfferedPackage[], isShort: boolean): object {
  const last = versions.at(-1)
  const name = last?.manifest.name ?? ''
  const modified = last?.changedAt ?? last?.publishedAt
  const times = versions.flatMap(({ manifest, publishedAt }) =>
    publishedAt === undefined ? [] : [[manifest.version, publishedAt] as const],
  )
  return {
    name,
    'dist-tags': { latest: last?.manifest.version },
    ...(isShort ? { modified } : { time: { ...Object.fromEntries(times), modified } }),
    versions: Object.fromEntries(versions.map(one => [one.manifest.version, manifestOf(host, one)])),
  }
}

function manifestOf(host: string, offered: OfferedPackage): object {
  const { name, version } = offered.manifest
  const archive = archiveOf(offered)
  const promised = offered.isForged === true ? Buffer.concat([archive, Buffer.from('other')]) : archive
  const path = `/${name}/-/${name.split('/').at(-1) ?? name}-${version}.tgz`
  return {
    ...offered.manifest,
    ...('scripts' in offered.manifest ? { hasInstallScript: true } : {}),
    dist: { tarball: `https://${host}${path}`, integrity: `sha512-${digest(promised)}` },
  }
}

function dated(time: string): readonly [string, string] {
  return ['last-modified', new Date(time).toUTCString()]
}

function archiveOf({ manifest, files }: OfferedPackage): Buffer {
  const own = { path: 'package/package.json', content: JSON.stringify(manifest) }
  return gzipSync(tarOf([own, ...files.map(file => ({ ...file, path: `package/${file.path}` }))]))
}

function digest(bytes: Buffer): string {
  return createHash('sha512').update(bytes).digest('base64')
}

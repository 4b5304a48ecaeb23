import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type { ScriptHandler } from '../lab/origin-log.ts'
import type { NpmPackage } from '../lab/services/npm-packages.ts'
import { tarOf } from '../lab/services/tar.ts'

/** A package of a made-up registry. */
export interface OfferedPackage extends NpmPackage {
  /** RFC 3339; told in the metadata. */
  readonly publishedAt?: string
  /** The metadata promises another file than the one that is served. */
  readonly isForged?: boolean
}

/** A registry that answers for these packages, as the public one would; everything else is not found. */
export function npmRegistry(host: string, packages: readonly OfferedPackage[]): ScriptHandler {
  const answers = new Map<string, { readonly type: string; readonly body: Buffer }>()
  for (const offered of packages) {
    const { name, version } = offered.manifest
    const archive = archiveOf(offered)
    const promised = offered.isForged === true ? Buffer.concat([archive, Buffer.from('other')]) : archive
    const path = `/${name}/-/${name.split('/').at(-1) ?? name}-${version}.tgz`
    const hasScript = 'scripts' in offered.manifest
    const document = {
      name,
      'dist-tags': { latest: version },
      ...(offered.publishedAt === undefined ? {} : { time: { [version]: offered.publishedAt } }),
      versions: {
        [version]: {
          ...offered.manifest,
          ...(hasScript ? { hasInstallScript: true } : {}),
          dist: { tarball: `https://${host}${path}`, integrity: `sha512-${digest(promised)}` },
        },
      },
    }
    answers.set(`/${name.replace('/', '%2f')}`, {
      type: 'application/json',
      body: Buffer.from(JSON.stringify(document)),
    })
    answers.set(path, { type: 'application/octet-stream', body: archive })
  }
  return ({ path }) => {
    const found = answers.get(path)
    if (found === undefined) return { status: 404, headers: [['content-type', 'application/json']], body: '{}' }
    return { status: 200, headers: [['content-type', found.type]], body: found.body }
  }
}

function archiveOf({ manifest, files }: OfferedPackage): Buffer {
  const own = { path: 'package/package.json', content: JSON.stringify(manifest) }
  return gzipSync(tarOf([own, ...files.map(file => ({ ...file, path: `package/${file.path}` }))]))
}

function digest(bytes: Buffer): string {
  return createHash('sha512').update(bytes).digest('base64')
}

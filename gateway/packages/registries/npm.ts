import type { Asked, Registry, Release, RequestShape } from '../asked.ts'
import { base64Digest, digestsOf, hexDigest } from '../hex.ts'
import { entriesOf, field, textField, timeOf } from '../json.ts'

const packument = 'application/vnd.npm.install-v1+json'
/** Here every path is a package. */
const publicHosts: ReadonlySet<string> = new Set(['registry.npmjs.org', 'registry.yarnpkg.com'])
const clients = /^(?:npm|yarn|pnpm|bun|npm-check-updates)\//
const packageName = /^[a-z0-9~][a-z0-9._~-]*$/i
const exactVersion = /^\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/

/**
 * npm, yarn, pnpm, bun: `GET /NAME` answers with all versions (the short form or the whole one), files are
 * `/NAME/-/BASE-VERSION.tgz`. https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md
 */
export const npm: Registry = {
  ecosystem: 'npm',
  recognise(shape) {
    return archive(shape.segments) ?? metadata(shape)
  },
  read(asked, body) {
    const document: unknown = JSON.parse(body.toString('utf8'))
    if (typeof document !== 'object' || document === null) throw new TypeError('it is no JSON object')
    const time = field(document, 'time')
    const publishedBefore = timeOf(textField(document, 'modified') ?? textField(time, 'modified'))
    const one = textField(document, 'version')
    const versions =
      asked.version !== undefined && one !== undefined
        ? [[one, document] as const]
        : entriesOf(field(document, 'versions'))
    return versions.map(([version, manifest]) =>
      release(asked, version, field(manifest, 'dist'), {
        publishedAt: timeOf(textField(time, version)),
        publishedBefore,
      }),
    )
  },
}

function archive(segments: readonly string[]): Asked | undefined {
  const file = segments.at(-1)?.split('/').at(-1)
  if (segments.at(-2) !== '-' || file?.endsWith('.tgz') !== true) return undefined
  const named = nameBefore(segments.slice(0, -2))
  if (named === undefined || !file.startsWith(`${named.name}-`)) return undefined
  const version = file.slice(named.name.length + 1, -4)
  return exactVersion.test(version)
    ? { kind: 'artifact', ecosystem: 'npm', ...named, version, key: version }
    : undefined
}

function metadata({ host, segments, accept, agent }: RequestShape): Asked | undefined {
  const isClient = accept.includes(packument) || (clients.test(agent) && accept.includes('application/json'))
  if (!isClient && !publicHosts.has(host)) return undefined
  if (segments.includes('-')) return undefined
  const last = segments.at(-1)
  const version = last !== undefined && exactVersion.test(last) ? last : undefined
  const named = nameBefore(version === undefined ? segments : segments.slice(0, -1))
  return named && { kind: 'metadata', ecosystem: 'npm', ...named, version }
}

/** The package that a path ends in: `@scope/name` in one escaped segment or in two, or `name`. */
function nameBefore(segments: readonly string[]): Pick<Asked, 'namespace' | 'name' | 'root'> | undefined {
  const parts = segments.join('/').split('/')
  const [name = '', before = ''] = parts.toReversed()
  if (!packageName.test(name)) return undefined
  const isScope = before.startsWith('@') && packageName.test(before.slice(1))
  const root = parts.slice(0, isScope ? -2 : -1)
  return {
    ...(isScope ? { namespace: before } : {}),
    name,
    ...(root.length === 0 ? {} : { root: `/${root.join('/')}` }),
  }
}

function release(
  { namespace, name }: Asked,
  version: string,
  dist: unknown,
  times: Pick<Release, 'publishedAt' | 'publishedBefore'>,
): Release {
  const integrity = textField(dist, 'integrity') ?? ''
  const url = textField(dist, 'tarball')
  const path = `${namespace === undefined ? '' : `/${namespace}`}/${name}/-/${name}-${version}.tgz`
  const sha512 = base64Digest('sha512', sri(integrity, 'sha512-'))
  return {
    key: version,
    version,
    digests:
      sha512 === undefined
        ? digestsOf({
            sha1: hexDigest('sha1', textField(dist, 'shasum')) ?? base64Digest('sha1', sri(integrity, 'sha1-')),
            sha256: base64Digest('sha256', sri(integrity, 'sha256-')),
          })
        : // As npm does: of several the strongest alone counts.
          { sha512 },
    ...(url === undefined ? {} : { url, usualPath: path }),
    ...times,
  }
}

/** One digest of an `integrity` (https://www.w3.org/TR/SRI/), without options. */
function sri(integrity: string, algorithm: string): string | undefined {
  const at = integrity.indexOf(algorithm)
  return at === -1 ? undefined : integrity.slice(at + algorithm.length).split(/[\s?]/, 1)[0]
}

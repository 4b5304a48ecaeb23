import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type { ScriptHandler } from '../lab/origin-log.ts'
import { tarOf } from '../lab/services/tar.ts'

/** Where an image lies: as with the public registries, its pieces are on another host, and a third one gives tokens. */
export interface ImageHosts {
  readonly registry: string
  readonly tokens: string
  readonly blobs: string
}

/** One thing of a registry, by its digest. */
interface Stored {
  readonly digest: string
  readonly mediaType: string
  readonly bytes: Buffer
}

/** An image of one small layer for this processor, in a list of images for several. */
export interface Image {
  readonly repository: string
  readonly tag: string
  /** The list of images, to which the tag leads. */
  readonly list: Stored
  readonly manifest: Stored
  readonly config: Stored
  readonly layer: Stored
}

const token = 'lab-token'

/** https://github.com/opencontainers/image-spec */
export function makeImage(repository: string, tag: string): Image {
  const tar = tarOf([{ path: 'etc/motd', content: 'an image of the lab\n' }])
  const layer = stored('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar))
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const config = stored('application/vnd.oci.image.config.v1+json', {
    architecture,
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
  })
  const manifest = stored('application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: described(config),
    layers: [described(layer)],
  })
  const list = stored('application/vnd.oci.image.index.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      { ...described(manifest), platform: { architecture, os: 'linux' } },
      { ...described(stored(manifest.mediaType, 'of another')), platform: { architecture: 's390x', os: 'linux' } },
    ],
  })
  return { repository, tag, list, manifest, config, layer }
}

/**
 * Answers at all three hosts as the distribution specification says, and the public registries do: nothing without a token, pieces by
 * a redirect. https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */
export function imageServer(
  hosts: ImageHosts,
  { repository, tag, list, manifest, config, layer }: Image,
): ScriptHandler {
  const manifests = new Map([list, manifest].map(one => [one.digest, one] as const)).set(tag, list)
  const pieces = new Map([config, layer].map(one => [one.digest, one] as const))
  const challenge = `Bearer realm="https://${hosts.tokens}/token",service="${hosts.registry}",scope="repository:${repository}:pull"`
  return ({ host, path, headers }) => {
    const [, what, reference = ''] = new RegExp(`^/v2/${repository}/(manifests|blobs)/(.+)$`).exec(path) ?? []
    if (host === hosts.tokens) return { status: 200, headers: json, body: JSON.stringify({ token, expires_in: 300 }) }
    if (host === hosts.blobs) return answer(pieces.get(path.slice('/store/'.length)))
    const isKnown = headers.some(
      ([name, value]) => name.toLowerCase() === 'authorization' && value === `Bearer ${token}`,
    )
    if (!isKnown) return { status: 401, headers: [...json, ['www-authenticate', challenge]], body: '{"errors":[]}' }
    if (what === 'manifests') return answer(manifests.get(reference))
    if (what === 'blobs' && pieces.has(reference))
      return { status: 307, headers: [['location', `https://${hosts.blobs}/store/${reference}?signed=1`]], body: '' }
    return path === '/v2/' ? { status: 200, headers: json, body: '{}' } : answer(undefined)
  }
}

const json = [['content-type', 'application/json']] as const

function answer(one: Stored | undefined): ReturnType<ScriptHandler> {
  if (one === undefined) return { status: 404, headers: json, body: '{"errors":[]}' }
  const headers = [
    ['content-type', one.mediaType],
    ['docker-content-digest', one.digest],
  ] as const
  return { status: 200, headers, body: one.bytes }
}

function stored(mediaType: string, content: Buffer | object | string): Stored {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content))
  return { digest: digestOf(bytes), mediaType, bytes }
}

function described({ digest, mediaType, bytes }: Stored): object {
  return { mediaType, digest, size: bytes.length }
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

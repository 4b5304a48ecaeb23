import type { Asked, Registry } from '../asked.ts'
import { digestsOf, hexDigest } from '../hex.ts'

/**
 * Container images and whatever else lies in such a registry: `/v2/NAME/manifests/TAG-OR-DIGEST`, `/v2/NAME/blobs/DIGEST`.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */
export const oci: Registry = {
  ecosystem: 'oci',
  recognise({ host, segments }) {
    const [reference = '', what, ...before] = segments.toReversed()
    const [version, ...repository] = before.toReversed()
    if (version !== 'v2' || repository.length === 0 || (what !== 'manifests' && what !== 'blobs')) return undefined
    if (!repository.every(part => /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/.test(part))) return undefined
    const digest = digestOf(reference)
    const named = {
      ecosystem: 'oci' as const,
      namespace: repository.length === 1 ? undefined : repository.slice(0, -1).join('/'),
      name: repository.at(-1) ?? '',
      qualifiers: { repository_url: `${host}/${repository.join('/')}` },
    }
    if (what === 'blobs')
      return digest === undefined ? undefined : { ...named, kind: 'part', digests: digestsOf(digest) }
    if (digest !== undefined) return { ...named, kind: 'artifact', version: reference, digests: digestsOf(digest) }
    if (!/^\w[\w.-]{0,127}$/.test(reference)) return undefined
    // Its version is the digest of what comes in; until then there is only the tag.
    return { ...named, kind: 'artifact', qualifiers: { ...named.qualifiers, tag: reference } } satisfies Asked
  },
}

function digestOf(reference: string): { sha256?: string | undefined; sha512?: string | undefined } | undefined {
  const [, algorithm, hex] = /^(sha256|sha512):([0-9a-f]+)$/.exec(reference) ?? []
  if (algorithm === 'sha256' && hexDigest('sha256', hex) !== undefined) return { sha256: hex }
  return algorithm === 'sha512' && hexDigest('sha512', hex) !== undefined ? { sha512: hex } : undefined
}

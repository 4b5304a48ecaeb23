import type { Asked, Registry, Release } from '../asked.ts'
import { digestsOf, hexDigest } from '../hex.ts'

/**
 * Debian and its kin: `NAME_VERSION_ARCH.deb` anywhere, and the index `Packages` with the digests of all.
 * https://wiki.debian.org/DebianRepository/Format
 */
export const deb: Registry = {
  ecosystem: 'deb',
  recognise({ segments, query }) {
    // A feed of NuGet has a collection of the same name, and is asked with options of OData (`$filter`, `$top`).
    if (isIndex(segments) && !/(?:^|&)(?:\$|%24)[a-z]/i.test(query))
      return { kind: 'index', ecosystem: 'deb', name: '', root: wayToRoot(segments) }
    const last = segments.at(-1) ?? ''
    const [, name, version, arch] = /^([a-z0-9][a-z0-9.+-]+)_([\w.+~:-]+)_([a-z0-9-]+)\.(?:deb|udeb)$/.exec(last) ?? []
    if (name === undefined || version === undefined || arch === undefined) return undefined
    // The vendor is told by the archive's path, or not at all.
    const vendor = segments.find(part => /^(?:debian|ubuntu|raspbian)(?:-security|-ports)?$/.test(part))
    const namespace = vendor?.split('-')[0]
    return { kind: 'artifact', ecosystem: 'deb', namespace, name, version, qualifiers: { arch } } satisfies Asked
  },
  read(asked, body) {
    const text = body.toString('latin1')
    if (feed.test(text)) return []
    if (text.trim() !== '' && !/^Package: /m.test(text)) throw new TypeError('there is no package in it')
    return text.split(/\n\n+/).flatMap(stanza => releaseOf(stanza, asked.root ?? './'))
  },
}

/** What a feed of NuGet answers at such an address: it says nothing of Debian's. */
const feed = /^(?:\u00ef\u00bb\u00bf)?\s*(?:<\?xml [^<>]{0,200}>\s*)?<feed[\s>]/

/** Also under its digest, as apt asks for it where an archive offers that. */
function isIndex(segments: readonly string[]): boolean {
  const [last = '', , byHash, folder = ''] = segments.toReversed()
  if (byHash === 'by-hash') return folder.startsWith('binary-') && /^[0-9a-f]+$/.test(last)
  return /^Packages(?:\.(?:gz|xz|bz2|lzma|zst))?$/.test(last)
}

/** From the index to where the file names in it begin: above `dists/`, or in a flat archive the index's own folder. */
function wayToRoot(segments: readonly string[]): string {
  const dists = segments.lastIndexOf('dists')
  return dists === -1 ? './' : '../'.repeat(segments.length - dists - 1)
}

function releaseOf(stanza: string, root: string): readonly Release[] {
  const value = (name: string): string | undefined => new RegExp(`^${name}: *(\\S+)$`, 'm').exec(stanza)?.[1]
  const name = value('Package')
  const file = value('Filename')
  if (name === undefined || file === undefined) return []
  const sha256 = hexDigest('sha256', value('SHA256'))
  const sha512 = hexDigest('sha512', value('SHA512'))
  const version = value('Version')
  return [{ name, key: file, version, digests: digestsOf({ sha256, sha512 }), url: `${root}${file}` }]
}

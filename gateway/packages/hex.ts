const lengths = { sha1: 40, sha256: 64, sha512: 128 } as const

type Algorithm = keyof typeof lengths

/** A digest in hex, in lower case; undefined when it is none of this algorithm. */
export function hexDigest(algorithm: Algorithm, text: unknown): string | undefined {
  if (typeof text !== 'string' || text.length !== lengths[algorithm] || !/^[0-9a-f]+$/i.test(text)) return undefined
  return text.toLowerCase()
}

const base64Lengths = { sha1: 28, sha256: 44, sha512: 88 } as const

/** The same in base64, as it is: metadata has thousands of which one is looked at. */
export function base64Digest(algorithm: Algorithm, text: string | undefined): string | undefined {
  return text?.length === base64Lengths[algorithm] ? text : undefined
}

/** Are they the same digest? Each is hex in lower case, or base64. */
export function isSameDigest(a: string, b: string): boolean {
  return a === b || (a.length !== b.length && inHex(a) === inHex(b))
}

function inHex(digest: string): string {
  const isHex = /^[0-9a-f]+$/.test(digest) && Object.values<number>(lengths).includes(digest.length)
  return isHex ? digest : Buffer.from(digest, 'base64').toString('hex')
}

/** `{ sha256: … }` with what is there. */
export function digestsOf(
  found: Readonly<Partial<Record<Algorithm, string | undefined>>>,
): Partial<Record<Algorithm, string>> {
  const all: Partial<Record<Algorithm, string>> = {}
  for (const algorithm of ['sha1', 'sha256', 'sha512'] as const) {
    const digest = found[algorithm]
    if (digest !== undefined) all[algorithm] = digest
  }
  return all
}

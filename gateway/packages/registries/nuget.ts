import type { Asked, Registry, Release } from '../asked.ts'
import { base64Digest, digestsOf } from '../hex.ts'
import { field, listField, textField, timeOf } from '../json.ts'

const id = /^[\w.-]{1,100}$/
const version = /^\d+(?:\.\d+){1,3}(?:-[\w.-]+)?(?:\+[\w.-]+)?$/

/**
 * NuGet: `/ID/VERSION/ID.VERSION.nupkg` of a flat container, `/registration…/ID/index.json` with times; of version 2
 * `/package/ID/VERSION`. https://learn.microsoft.com/nuget/api/overview
 */
export const nuget: Registry = {
  ecosystem: 'nuget',
  recognise({ segments }) {
    const [last = '', second = '', third = '', fourth = ''] = segments.toReversed()
    if (id.test(third) && version.test(second) && last.toLowerCase() === `${third}.${second}.nupkg`.toLowerCase())
      return file(third, second)
    if (third === 'package' && fourth === 'v2' && id.test(second) && version.test(last)) return file(second, last)
    const isList = last === 'index.json' || /^page\.json$|\.json$/.test(last)
    const isRegistration = segments.some(part => /^registration|^registrations\d*/i.test(part))
    if (isList && isRegistration && id.test(second)) return about(second)
    const isFlat = segments.some(part => /^(?:v3-)?flat(?:container|2)$/i.test(part))
    return last === 'index.json' && isFlat && id.test(second) ? about(second) : undefined
  },
  read(_asked, body) {
    const document: unknown = JSON.parse(body.toString('utf8'))
    const pages = listField(document, 'items')
    const leaves = pages.flatMap(page => [page, ...listField(page, 'items')])
    return [document, ...leaves].flatMap(leaf => release(leaf))
  },
}

function file(name: string, of: string): Asked {
  return { kind: 'artifact', ecosystem: 'nuget', name, version: of, key: of.toLowerCase() }
}

function about(name: string): Asked {
  return { kind: 'metadata', ecosystem: 'nuget', name }
}

function release(leaf: unknown): readonly Release[] {
  const entry = field(leaf, 'catalogEntry')
  const found = textField(entry, 'version')
  if (found === undefined) return []
  const isSha512 = textField(entry, 'packageHashAlgorithm') === 'SHA512'
  const hash = isSha512 ? base64Digest('sha512', textField(entry, 'packageHash') ?? '') : undefined
  // What was taken out of the lists has the year 1900 for its time, which says nothing.
  const publishedAt = timeOf(textField(entry, 'published'))
  const url = textField(leaf, 'packageContent') ?? textField(entry, 'packageContent')
  const digests = digestsOf({ sha512: hash })
  return [{ key: found.toLowerCase(), version: found, digests, publishedAt, ...(url === undefined ? {} : { url }) }]
}

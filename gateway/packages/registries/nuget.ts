import type { Asked, Registry, Release, RequestShape } from '../asked.ts'
import { base64Digest, digestsOf } from '../hex.ts'
import { field, listField, textField, timeOf } from '../json.ts'

const id = /^[\w.-]{1,100}$/
const version = /^\d+(?:\.\d+){1,3}(?:-[\w.-]+)?(?:\+[\w.-]+)?$/

/**
 * NuGet: `/ID/VERSION/ID.VERSION.nupkg` of a flat container, `/registration…/ID/index.json` with times
 * (https://learn.microsoft.com/nuget/api/overview); of version 2 `/package/ID/VERSION`, `Packages(Id='ID',Version='VERSION')` and
 * `FindPackagesById()?id='ID'` with times and digests.
 */
export const nuget: Registry = {
  ecosystem: 'nuget',
  recognise(shape) {
    const { segments } = shape
    const [last = '', second = '', third = '', fourth = ''] = segments.toReversed()
    if (id.test(third) && version.test(second) && last.toLowerCase() === `${third}.${second}.nupkg`.toLowerCase())
      return file(third, second)
    if (third === 'package' && fourth === 'v2' && id.test(second) && version.test(last)) return file(second, last)
    const entry = idOfEntry(shape)
    if (entry !== undefined) return about(entry)
    const isList = last === 'index.json' || /^page\.json$|\.json$/.test(last)
    const isRegistration = segments.some(part => /^registration|^registrations\d*/i.test(part))
    if (isList && isRegistration && id.test(second)) return about(second)
    const isFlat = segments.some(part => /^(?:v3-)?flat(?:container|2)$/i.test(part))
    return last === 'index.json' && isFlat && id.test(second) ? about(second) : undefined
  },
  read(asked, body) {
    const text = body.toString('utf8')
    if (/^\s*</.test(text)) return entriesOfFeed(asked, text)
    const document: unknown = JSON.parse(text)
    const pages = listField(document, 'items')
    const leaves = pages.flatMap(page => [page, ...listField(page, 'items')])
    return [document, ...leaves].flatMap(leaf => release(leaf))
  },
}

/** Of whom a feed of version 2 (OData) is asked. Searches are for words, and name nobody. */
function idOfEntry({ segments, query }: RequestShape): string | undefined {
  const last = segments.at(-1) ?? ''
  const name =
    /^Packages\(Id='([^']+)',Version='[^']+'\)$/i.exec(last)?.[1] ??
    (/^FindPackagesById(?:\(\))?$/i.test(last) ? idAsked(query) : undefined) ??
    (/^Packages\(\)$/i.test(last) ? idFiltered(query) : undefined)
  return name !== undefined && id.test(name) ? name : undefined
}

function idAsked(query: string): string | undefined {
  return /^'([^']+)'$/.exec(new URLSearchParams(query).get('id') ?? '')?.[1]
}

function idFiltered(query: string): string | undefined {
  const filter = new URLSearchParams(query).get('$filter') ?? ''
  const names = new Set([...filter.matchAll(/\b(?:tolower\(Id\)|Id) eq '([^']+)'/gi)].map(([, name]) => name))
  return names.size === 1 ? [...names][0] : undefined
}

/** Atom, whose attributes and texts are bounded, so that no answer costs more than its length. */
function entriesOfFeed({ name }: Asked, text: string): readonly Release[] {
  const [head = '', ...entries] = text.split(/<entry\b/)
  if (entries.length === 0 && !head.includes('<feed')) throw new TypeError('it is no feed')
  return entries.flatMap(entry => releaseOfEntry(name, entry))
}

function releaseOfEntry(name: string, entry: string): readonly Release[] {
  const [, of] = /Packages\(Id='([^'<]{1,100})',Version=/i.exec(entry) ?? []
  const found = property(entry, 'Version')
  if (found === undefined || of?.toLowerCase() !== name.toLowerCase()) return []
  const isSha512 = property(entry, 'PackageHashAlgorithm')?.toUpperCase() === 'SHA512'
  const hash = isSha512 ? base64Digest('sha512', property(entry, 'PackageHash')) : undefined
  const published = property(entry, 'Published') ?? ''
  // Feeds leave the zone out where it is UTC.
  const publishedAt = timeOf(/(?:Z|[+-]\d\d:\d\d)$/.test(published) ? published : `${published}Z`)
  const [, url] = /<content\b[^<>]{0,200}? src="([^"<]{1,2000})"/.exec(entry) ?? []
  const digests = digestsOf({ sha512: hash })
  return [{ key: found.toLowerCase(), version: found, digests, publishedAt, ...(url === undefined ? {} : { url }) }]
}

function property(entry: string, name: string): string | undefined {
  return new RegExp(`<d:${name}(?: [^<>]{0,200})?>([^<]{1,200})<`).exec(entry)?.[1]
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

import type { Asked, Registry, Release, RequestShape } from '../asked.ts'
import { base64Digest, digestsOf } from '../hex.ts'
import { field, listField, textField, timeOf } from '../json.ts'
import { entriesOfFeed } from './nuget-feed.ts'
import { idIn, nameInKey, versionInKey } from './nuget-key.ts'
import { normalVersion } from './nuget-version.ts'

const id = /^[\w.-]{1,100}$/
const version = /^\d+(?:\.\d+){0,3}(?:-[\w.-]+)?(?:\+[\w.-]+)?$/

/**
 * NuGet: `/ID/VERSION/ID.VERSION.nupkg` of a flat container, `/registration…/ID/index.json` with times
 * (https://learn.microsoft.com/nuget/api/overview); of version 2 files by id and version (`fileOfFeed`), `Packages(Id='ID',Version='VERSION')`
 * and `FindPackagesById()?id='ID'` with times and digests. Servers of version 2 do not mind upper and lower case.
 */
export const nuget: Registry = {
  ecosystem: 'nuget',
  recognise(shape) {
    const { segments } = shape
    const [last = '', second = '', third = ''] = segments.toReversed()
    if (id.test(third) && version.test(second) && last.toLowerCase() === `${third}.${second}.nupkg`.toLowerCase())
      return file(third, second)
    const found = fileOfFeed(shape)
    if (found !== undefined) return found
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

/**
 * A file of a feed of version 2: `/v2/package/ID/VERSION`, of the newest version also `/api/v2/package/ID`; Artifactory has
 * `/api/nuget/FEED/Download/ID/VERSION`, Azure DevOps `/nuget/v2?id=ID&version=VERSION`, and an entry's own is `Packages(…)/$value`.
 */
function fileOfFeed({ segments, query }: RequestShape): Asked | undefined {
  const path = segments.join('/').replace(/\/+$/, '')
  if (/(?:^|\/)nuget\/v2$/i.test(path)) return fileAsked(parameter(query, 'id'), parameter(query, 'version'))
  const [, value] = /(?:^|\/)(Packages\([^()/]+\))\/\$value$/i.exec(path) ?? []
  if (value !== undefined) return fileAsked(nameInKey(value), versionInKey(value))
  const [, name, of] =
    /(?:^|\/)v2\/package\/([^/]+)\/([^/]+)$/i.exec(path) ??
    /(?:^|\/)api\/nuget\/(?:[^/]+\/){1,2}Download\/([^/]+)\/([^/]+)$/i.exec(path) ??
    /(?:^|\/)(?:api|nuget)\/v2\/package\/([^/]+)$/i.exec(path) ??
    []
  return fileAsked(name, of)
}

/** Without a version it is the newest. Servers do not mind space around either. */
function fileAsked(asked: string | undefined, at: string | undefined): Asked | undefined {
  const [name, of] = [asked?.trim(), at?.trim()]
  if (name === undefined || !id.test(name)) return undefined
  if (of === undefined || of === '') return { kind: 'artifact', ecosystem: 'nuget', name }
  return version.test(of) ? file(name, of) : undefined
}

/** A parameter of a query, whatever the case of its name. */
function parameter(query: string, name: string): string | undefined {
  return [...new URLSearchParams(query)].find(([key]) => key.toLowerCase() === name)?.[1]
}

/** Of whom a feed of version 2 (OData) is asked. Searches are for words, and name nobody. */
function idOfEntry({ segments, query }: RequestShape): string | undefined {
  const last = segments.at(-1) ?? ''
  const asked = /^FindPackagesById(?:\(([^()]*)\))?$/i.exec(last)
  const name =
    nameInKey(last) ??
    (asked === null ? undefined : (idIn(asked[1]) ?? unquoted(parameter(query, 'id')))) ??
    (/^Packages(?:\(\))?$/i.test(last) ? idFiltered(query) : undefined)
  const trimmed = name?.trim()
  return trimmed !== undefined && id.test(trimmed) ? trimmed : undefined
}

function unquoted(text = ''): string | undefined {
  return /^'([^']+)'$/.exec(text)?.[1]
}

function idFiltered(query: string): string | undefined {
  const filter = parameter(query, '$filter') ?? ''
  const names = new Set([...filter.matchAll(/\b(?:tolower\(Id\)|Id) eq '([^']+)'/gi)].map(([, name]) => name))
  return names.size === 1 ? [...names][0] : undefined
}

function file(name: string, of: string): Asked {
  return { kind: 'artifact', ecosystem: 'nuget', name, version: of, key: normalVersion(of) }
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
  return [{ key: normalVersion(found), version: found, digests, publishedAt, ...(url === undefined ? {} : { url }) }]
}

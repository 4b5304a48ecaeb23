import type { Asked, Release } from '../asked.ts'
import { base64Digest, digestsOf } from '../hex.ts'
import { timeOf } from '../json.ts'
import { unescaped, withoutMarks } from '../xml-text.ts'
import { nameInKey } from './nuget-key.ts'
import { normalVersion } from './nuget-version.ts'

/** Feeds have 100 on a page, and 16 MiB of entries with a description each are some 5,000. */
const mostEntries = 20_000

/**
 * What a feed of version 2 (OData in Atom) says of the package that was asked for. Texts and attributes are bounded, so that no answer
 * costs more than its length.
 * @throws TypeError when it is no feed, or has more than 20,000 entries: then nothing of it counts, and it is told as unread
 */
export function entriesOfFeed({ name }: Asked, body: string): readonly Release[] {
  const text = withoutMarks(body)
  const starts = entryStarts(text)
  const [first = text.length] = starts
  if (starts.length === 0 && !text.slice(0, first).includes('<feed')) throw new TypeError('it is no feed')
  return starts.flatMap((start, at) => releaseOfEntry(name, text.slice(start, starts[at + 1])))
}

function entryStarts(text: string): readonly number[] {
  const starts: number[] = []
  for (const { index } of text.matchAll(/<entry\b/g)) {
    if (starts.length === mostEntries) throw new TypeError(`it has more than ${mostEntries} entries`)
    starts.push(index)
  }
  return starts
}

function releaseOfEntry(name: string, entry: string): readonly Release[] {
  const version = textOf(entry, properties.version)
  if (version === undefined || nameOfEntry(entry)?.toLowerCase() !== name.toLowerCase()) return []
  const isSha512 = textOf(entry, properties.algorithm)?.toUpperCase() === 'SHA512'
  const sha512 = isSha512 ? base64Digest('sha512', textOf(entry, properties.hash)) : undefined
  const published = textOf(entry, properties.published) ?? ''
  // Feeds leave the zone out where it is UTC. What was taken out of the lists has the year 1900, which says nothing.
  const publishedAt = timeOf(/(?:Z|[+-]\d\d:\d\d)$/.test(published) ? published : `${published}Z`)
  const [, quoted, single] =
    /<content\s(?:[^<>]{0,200}?\s)?src\s?=\s?(?:"([^"<]{1,2000})"|'([^'<]{1,2000})')/.exec(entry) ?? []
  const url = quoted ?? single
  const digests = digestsOf({ sha512 })
  const located = url === undefined ? {} : { url: unescaped(url) }
  return [{ key: normalVersion(version), version, digests, publishedAt, ...located }]
}

const properties = {
  id: property('d:Id'),
  address: property('id'),
  version: property('d:Version'),
  algorithm: property('d:PackageHashAlgorithm'),
  hash: property('d:PackageHash'),
  published: property('d:Published'),
} as const

function property(name: string): RegExp {
  return new RegExp(`<${name}(?:\\s[^<>]{0,200})?>([^<]{1,2000})<`)
}

function textOf(entry: string, pattern: RegExp): string | undefined {
  const found = pattern.exec(entry)?.[1]
  const text = unescaped(found ?? '').trim()
  return text === '' ? undefined : text
}

/** By the entry's own address, else by the property: not every feed has both, and titles are anybody's words. */
function nameOfEntry(entry: string): string | undefined {
  const key = textOf(entry, properties.address)?.split('/').at(-1) ?? ''
  // Some escape quotes, commas and parentheses, which are all there is to unescape.
  return nameInKey(key.replaceAll(/%2[0-9a-f]/gi, decodeURIComponent)) ?? textOf(entry, properties.id)
}

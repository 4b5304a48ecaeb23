import type { Asked, Registry, Release } from '../asked.ts'
import { digestsOf, hexDigest } from '../hex.ts'
import { entriesOf, field, listField, textField, timeOf } from '../json.ts'

/**
 * pip, uv, poetry: an index lists a project's files as HTML (PEP 503) or JSON (PEP 691, times by PEP 700); a wheel's name
 * says what it is (PEP 427), a source archive's only below `/packages/`, or where an index has named it.
 */
export const pypi: Registry = {
  ecosystem: 'pypi',
  recognise({ segments }) {
    const path = segments.at(-1) === '' ? segments.slice(0, -1) : segments
    const [last = '', before, third] = path.toReversed()
    if (before === 'simple' && projectName.test(last)) return about(last, path.slice(0, -2))
    if (last === 'json' && third === 'pypi' && before !== undefined) return about(before, path.slice(0, -3))
    if (last.endsWith('.whl.metadata')) return aboutFile(last.slice(0, -'.metadata'.length))
    if (last.endsWith('.whl')) return fileOf(last)
    return path.includes('packages') ? fileOf(last) : undefined
  },
  read(_asked, body) {
    const text = body.toString('utf8')
    return /^\s*\{/.test(text) ? fromJson(JSON.parse(text)) : fromHtml(text)
  },
}

const projectName = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/i

/** PEP 503: the one form in which names are compared. */
export function normalName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, '-')
}

/** The package that a file's name says; undefined when it says none. */
export function fileOf(file: string): Asked | undefined {
  const wheel = /^([\w.]+)-([\w.!+]+)(?:-\d\w*)?-[\w.]+-[\w.]+-[\w.]+\.whl$/.exec(file)
  const source = /^([\w.-]+)-(\d[\w.!+]*)\.(?:tar\.gz|zip|tar\.bz2|tar\.xz)$/.exec(file)
  const [, name, version] = wheel ?? source ?? []
  if (name === undefined || version === undefined) return undefined
  return {
    kind: 'artifact',
    ecosystem: 'pypi',
    name: normalName(name),
    version,
    key: file,
    qualifiers: { file_name: file },
  }
}

function about(name: string, root: readonly string[]): Asked {
  return { kind: 'metadata', ecosystem: 'pypi', name: normalName(name), root: `/${root.join('/')}` }
}

function aboutFile(file: string): Asked | undefined {
  const found = fileOf(file)
  // Core metadata, not the index's word on the file: there is no digest in it to be held against anything.
  return found && { kind: 'part', ecosystem: 'pypi', name: found.name, version: found.version }
}

function fromJson(document: unknown): readonly Release[] {
  const files = [...listField(document, 'files'), ...listField(document, 'urls')]
  const older = entriesOf(field(document, 'releases')).flatMap(([, list]) => (Array.isArray(list) ? list : []))
  return [...files, ...older].flatMap(file => {
    const name = textField(file, 'filename')
    if (name === undefined) return []
    const hashes = field(file, 'hashes') ?? field(file, 'digests')
    const published = textField(file, 'upload-time') ?? textField(file, 'upload_time_iso_8601')
    return [release(name, textField(file, 'url'), textField(hashes, 'sha256'), timeOf(published))]
  })
}

const anchors = /<a\s[^>]*?href\s*=\s*(?:"([^"]*)"|'([^']*)')/gi

function fromHtml(page: string): readonly Release[] {
  return [...page.matchAll(anchors)].flatMap(([, quoted, single]) => {
    const href = (quoted ?? single ?? '').replaceAll('&amp;', '&')
    const [url = '', fragment = ''] = href.split('#')
    const file = decoded(url.split('?')[0]?.split('/').at(-1) ?? '')
    if (file === '' || fileOf(file) === undefined) return []
    return [release(file, url, /^sha256=([0-9a-f]{64})$/i.exec(fragment)?.[1], undefined)]
  })
}

function release(
  file: string,
  url: string | undefined,
  sha256: string | undefined,
  publishedAt: number | undefined,
): Release {
  return {
    key: file,
    version: fileOf(file)?.version,
    qualifiers: { file_name: file },
    digests: digestsOf({ sha256: hexDigest('sha256', sha256) }),
    ...(url === undefined ? {} : { url }),
    publishedAt,
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

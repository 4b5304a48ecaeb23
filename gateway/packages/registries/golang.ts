import type { Asked, Registry } from '../asked.ts'
import { textField, timeOf } from '../json.ts'

/** Go modules: `/MODULE/@v/VERSION.zip`, `.mod`, `.info` (with its time). https://go.dev/ref/mod#goproxy-protocol */
export const golang: Registry = {
  ecosystem: 'golang',
  recognise({ segments }) {
    const [last = '', marker] = segments.toReversed()
    if (last === '@latest') return about(segments.slice(0, -1), undefined)
    if (marker !== '@v') return undefined
    const module = segments.slice(0, -2)
    if (last === 'list') return about(module, undefined)
    const [, escaped = '', kind] = /^(v.+)\.(zip|info|mod)$/.exec(last) ?? []
    const version = unescaped(escaped)
    if (kind === undefined || version === undefined) return undefined
    const asked = about(module, version)
    return asked && kind === 'zip' ? { ...asked, kind: 'artifact', key: version } : asked
  },
  read(asked, body) {
    const text = body.toString('utf8')
    if (!text.startsWith('{')) return []
    const document: unknown = JSON.parse(text)
    const version = textField(document, 'Version') ?? asked.version
    if (version === undefined) return []
    return [{ key: version, version, digests: {}, publishedAt: timeOf(textField(document, 'Time')) }]
  },
}

function about(segments: readonly string[], version: string | undefined): Asked | undefined {
  // A module begins with a host name; what a proxy has before it is its own.
  const start = segments.findIndex(part => /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i.test(part))
  const path = start === -1 ? undefined : unescaped(segments.slice(start).join('/'))
  if (path === undefined) return undefined
  const slash = path.lastIndexOf('/')
  const namespace = slash === -1 ? undefined : path.slice(0, slash)
  const root = start === 0 ? {} : { root: `/${segments.slice(0, start).join('/')}` }
  return { kind: 'metadata', ecosystem: 'golang', namespace, name: path.slice(slash + 1), version, ...root }
}

/** `!a` stands for `A`: paths must not depend on a file system's case. */
function unescaped(text: string): string | undefined {
  if (text === '' || /[A-Z]|!(?![a-z])/.test(text)) return undefined
  return text.replaceAll(/!([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

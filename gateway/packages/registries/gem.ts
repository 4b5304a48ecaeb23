import type { Asked, Registry } from '../asked.ts'
import { digestsOf, hexDigest } from '../hex.ts'
import { timeOf } from '../json.ts'

/**
 * RubyGems and Bundler: `/gems/NAME-VERSION[-PLATFORM].gem`, and the compact index `/info/NAME` with a digest of each
 * file. https://guides.rubygems.org/rubygems-org-compact-index-api/
 */
export const gem: Registry = {
  ecosystem: 'gem',
  recognise({ segments, agent }) {
    const [last = '', second = ''] = segments.toReversed()
    const root = segments.length === 2 ? {} : { root: `/${segments.slice(0, -2).join('/')}` }
    if (second === 'gems' && last.endsWith('.gem')) {
      const found = file(last.slice(0, -'.gem'.length))
      return found && { ...found, ...root }
    }
    const isClient = /\b(?:bundler|rubygems)\//.test(agent)
    return isClient && second === 'info' && /^[\w.-]+$/.test(last)
      ? { kind: 'metadata', ecosystem: 'gem', name: last, ...root }
      : undefined
  },
  read(asked, body) {
    return body
      .toString('utf8')
      .split('\n')
      .flatMap(line => {
        const [, number, facts = ''] = /^(\S+) [^|]*\|(.*)$/.exec(line) ?? []
        if (number === undefined || number === '---') return []
        const sha256 = hexDigest('sha256', /(?:^|,)checksum:([0-9a-f]+)/i.exec(facts)?.[1])
        const publishedAt = timeOf(/(?:^|,)created_at:([^,]+)/.exec(facts)?.[1])
        const key = `${asked.name}-${number}`
        return [{ key, version: file(key)?.version, digests: digestsOf({ sha256 }), publishedAt }]
      })
  },
}

function file(full: string): Asked | undefined {
  const [, name, version, platform] = /^(.+?)-(\d+(?:\.\w+)*)(?:-([a-z].*))?$/i.exec(full) ?? []
  if (name === undefined || version === undefined || !/^[\w.-]+$/.test(name)) return undefined
  const qualifiers = platform === undefined ? {} : { qualifiers: { platform } }
  return { kind: 'artifact', ecosystem: 'gem', name, version, ...qualifiers, key: full }
}

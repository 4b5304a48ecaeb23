import type { Asked, Registry } from '../asked.ts'
import { digestsOf, hexDigest } from '../hex.ts'
import { textField, timeOf } from '../json.ts'

const crate = /^[a-z][a-z0-9_-]{0,63}$/i
const exact = /^\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/

/**
 * Cargo: a sparse index with one file a crate (`/se/rd/serde`) that holds a digest of each version, and `.crate` files.
 * https://doc.rust-lang.org/cargo/reference/registry-index.html
 */
export const cargo: Registry = {
  ecosystem: 'cargo',
  recognise({ segments }) {
    const [last = '', second = '', third = '', fourth = ''] = segments.toReversed()
    if (last === 'download' && fourth === 'crates' && crate.test(third) && exact.test(second))
      return file(third, second)
    const [, name, version] = /^([a-z][\w-]*?)-(\d+\.\d+\.\d+(?:[-+][\w.+-]+)?)\.crate$/i.exec(last) ?? []
    if (name !== undefined && version !== undefined) return file(name, version)
    return isIndexed(last, second, third) ? { kind: 'metadata', ecosystem: 'cargo', name: last } : undefined
  },
  read(_asked, body) {
    return body
      .toString('utf8')
      .split('\n')
      .filter(line => line !== '')
      .map(line => {
        const entry: unknown = JSON.parse(line)
        const version = textField(entry, 'vers')
        if (version === undefined) throw new TypeError('a line names no version')
        const sha256 = hexDigest('sha256', textField(entry, 'cksum'))
        return {
          key: version,
          version,
          digests: digestsOf({ sha256 }),
          publishedAt: timeOf(textField(entry, 'pubtime')),
        }
      })
  },
}

function file(name: string, version: string): Asked {
  return { kind: 'artifact', ecosystem: 'cargo', name, version, key: version }
}

/** `/1/a`, `/2/ab`, `/3/a/abc`, `/ab/cd/abcdef`: the name is there twice, which no other path has by chance. */
function isIndexed(name: string, second: string, third: string): boolean {
  if (!crate.test(name) || name !== name.toLowerCase()) return false
  if (name.length <= 2) return second === String(name.length)
  if (name.length === 3) return third === '3' && second === name[0]
  return second === name.slice(2, 4) && third === name.slice(0, 2)
}

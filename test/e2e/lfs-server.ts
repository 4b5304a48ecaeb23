import { createHash } from 'node:crypto'
import type { ScriptHandler } from '../lab/origin-log.ts'
import type { Reply } from '../lab/origins/exchange.ts'

/** The API and the store of a Git LFS server, for one repository. */
export interface LfsServer {
  readonly batch: ScriptHandler
  readonly objects: ScriptHandler
  /** Objects that were sent, by their SHA-256. */
  readonly stored: ReadonlyMap<string, Uint8Array>
}

interface Batch {
  readonly operation: 'upload' | 'download'
  readonly objects: readonly { readonly oid: string; readonly size: number }[]
}

/** https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md, with the basic transfer; objects lie on a host of their own. */
export function lfsServer(store: string): LfsServer {
  const stored = new Map<string, Uint8Array>()
  return {
    stored,
    batch({ bodyBytes }) {
      const asked: Batch = JSON.parse(Buffer.from(bodyBytes).toString('utf8'))
      const objects = asked.objects.map(({ oid, size }) => {
        if (asked.operation === 'download' && !stored.has(oid))
          return { oid, size, error: { code: 404, message: 'no such object' } }
        const isThere = asked.operation === 'upload' && stored.has(oid)
        const action = { href: `https://${store}/objects/${oid}`, expires_in: 3600 }
        return isThere ? { oid, size } : { oid, size, authenticated: true, actions: { [asked.operation]: action } }
      })
      return {
        status: 200,
        headers: [['content-type', 'application/vnd.git-lfs+json']],
        body: JSON.stringify({ transfer: 'basic', objects, hash_algo: 'sha256' }),
      }
    },
    objects({ method, path, bodyBytes }): Reply {
      const oid = path.split('/').at(-1) ?? ''
      if (method === 'PUT') {
        if (createHash('sha256').update(bodyBytes).digest('hex') !== oid) return { status: 422, body: 'another digest' }
        stored.set(oid, bodyBytes)
        return { status: 200, body: '' }
      }
      const found = stored.get(oid)
      return found === undefined
        ? { status: 404, body: 'no such object' }
        : { status: 200, headers: [['content-type', 'application/octet-stream']], body: found }
    },
  }
}

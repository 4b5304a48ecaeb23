import { createHash } from 'node:crypto'
import type { Handler } from '../origins/exchange.ts'

/** Files served from memory, by path. */
export type StaticFiles = ReadonlyMap<string, string | Uint8Array>

/** Serves files from memory; a folder without its slash is redirected. */
export function serveFiles(files: StaticFiles): Handler {
  return ({ path, method }) => {
    const content = files.get(decodeURIComponent(path).replaceAll('/./', '/'))
    if (content === undefined && files.has(`${path}/`))
      return { status: 301, headers: [['Location', `${path}/`]], body: '' }
    if (content === undefined) return { status: 404, headers: [['Content-Type', 'text/plain']], body: 'no such file\n' }
    if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: '' }
    const type = path.endsWith('/') ? 'text/html' : 'application/octet-stream'
    return {
      status: 200,
      headers: [
        ['Content-Type', type],
        ['Last-Modified', 'Thu, 01 Jan 2026 00:00:00 GMT'],
      ],
      body: content,
    }
  }
}

/** Hex digest of a file. */
export function digestOf(
  algorithm: 'sha1' | 'sha256' | 'sha512' | 'md5',
  content: string | Uint8Array,
  encoding: 'hex' | 'base64' = 'hex',
): string {
  return createHash(algorithm).update(content).digest(encoding)
}

import { parseAuthority } from './authority.ts'
import type { HttpContext } from './context.ts'
import type { RequestHead } from './head.ts'
import type { RequestFacts } from './judge.ts'

const absolute = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?]*)(.*)$/

/** What the decision needs of an HTTP/1 head. */
export function requestFacts(head: RequestHead, context: HttpContext): RequestFacts {
  const { method, host } = head
  const target = head.target.startsWith('/') || head.target === '*' ? undefined : absolute.exec(head.target)
  return {
    method,
    authority:
      target === undefined || target === null
        ? host
        : absoluteAuthority(target[1] ?? '', target[2] ?? '', host, context),
    target: target === undefined || target === null ? originForm(head) : originOf(target[3] ?? ''),
    upgrade: head.upgrade === 'h2c' ? 'none' : head.upgrade,
    dnsMedia: head.dnsMedia,
    bodyLength: head.contentLength < 0 ? undefined : head.contentLength,
  }
}

/** `*` is a target for OPTIONS only (RFC 9112 §3.2.4); elsewhere it is a path that has no normal form. */
function originForm({ method, target }: RequestHead): string {
  return target === '*' && method !== 'OPTIONS' ? '' : target
}

function originOf(rest: string): string {
  return rest.startsWith('/') ? rest : `/${rest}`
}

/**
 * In absolute form the target names the host, and `Host` should say the same (RFC 9112 §3.2.2). Servers differ on which
 * they believe, so both must be the connection's own (bypass T3): the one that is not is what gets judged.
 */
function absoluteAuthority(scheme: string, authority: string, host: string | undefined, context: HttpContext): string {
  if (scheme.toLowerCase() !== context.scheme) return `${scheme}://${authority}`
  const parsed = parseAuthority(authority)
  const isOwn = parsed !== undefined && parsed.host === context.host && (parsed.port ?? context.port) === context.port
  return isOwn && host !== undefined ? host : authority
}

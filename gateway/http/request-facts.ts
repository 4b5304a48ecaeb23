import { isOwnAuthority } from './authority.ts'
import type { HttpContext } from './context.ts'
import type { RequestHead } from './head.ts'
import type { RequestFacts } from './judge.ts'

const absolute = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?]*)(.*)$/

/** What the decision needs of an HTTP/1 head. */
export function requestFacts(head: RequestHead, context: HttpContext): RequestFacts {
  const parts = head.target.startsWith('/') || head.target === '*' ? null : absolute.exec(head.target)
  const named = parts === null ? undefined : strangeAuthority(parts[1] ?? '', parts[2] ?? '', context)
  return {
    method: head.method,
    // In absolute form the target names the host, and `Host` should say the same (RFC 9112 §3.2.2). Servers differ on
    // which they believe, so both must be the connection's own (bypass T3).
    authority: named ?? head.host,
    otherAuthority: named === undefined ? undefined : head.host,
    target: parts === null ? originForm(head) : originOf(parts[3] ?? ''),
    upgrade: head.upgrade === 'h2c' ? 'none' : head.upgrade,
    dnsMedia: head.dnsMedia,
    overrides: head.overrides,
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

/** What an absolute target names, unless that is the connection's own place. */
function strangeAuthority(scheme: string, authority: string, context: HttpContext): string | undefined {
  if (scheme.toLowerCase() !== context.scheme) return `${scheme}://${authority}`
  return isOwnAuthority(context, authority) ? undefined : authority
}

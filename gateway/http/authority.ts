import { parseAddress } from '../net/address.ts'
import { parseHostname } from '../net/hostname.ts'
import { type Port, parsePort } from '../net/port.ts'
import type { Host } from '../policy/decision.ts'

/** A `Host` field or `:authority`, understood. */
export interface Authority {
  readonly host: Host
  /** Undefined when it names none. */
  readonly port: Port | undefined
}

const shape = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([^\s:@/?#[\]\\]+))(?::([0-9]{1,5}))?$/

/**
 * Reads `host[:port]` (RFC 9110 §7.2). Undefined when it has no canonical form: userinfo, white space, brackets around
 * anything but IPv6, names that `parseHostname` refuses, ports out of range. An empty port (`host:`) is refused too.
 */
export function parseAuthority(raw: string): Authority | undefined {
  const [, literal, name, digits] = shape.exec(raw) ?? []
  const host =
    literal !== undefined
      ? parseV6(literal)
      : name === undefined
        ? undefined
        : (parseAddress(name) ?? parseHostname(name))
  if (host === undefined) return undefined
  if (digits === undefined) return { host, port: undefined }
  const port = parsePort(Number(digits))
  return port === undefined ? undefined : { host, port }
}

/** Whether `authority`, as sent, is this very place: the host, and the port where it names one. Absent is no other place. */
export function isOwnAuthority(
  { host, port }: { readonly host: Host; readonly port: Port },
  authority: string | undefined,
): boolean {
  // The spelling nearly every request has.
  if (authority === undefined || authority === host) return true
  const parsed = parseAuthority(authority)
  return parsed !== undefined && parsed.host === host && (parsed.port ?? port) === port
}

/**
 * The place that a careless server may take this for, where `parseAuthority` sees none: behind a scheme and userinfo,
 * before an empty or impossible port or whatever else follows. Only ever used to refuse more.
 */
export function guessAuthority(raw: string): Authority | undefined {
  const exact = parseAuthority(raw)
  if (exact !== undefined) return exact
  const place = raw.replace(/^[A-Za-z][A-Za-z0-9+.-]*:\/\//, '').replace(/^.*@/, '')
  const [, text = '', digits = ''] = /^\s*(\[[^\]]*\]|[^\s:/?#\\,;]*)(?::0*([0-9]{1,5})(?![0-9]))?/.exec(place) ?? []
  const named = parseAuthority(text.replace(/\.+$/, ''))
  return named === undefined ? undefined : { host: named.host, port: parsePort(Number(digits)) }
}

function parseV6(literal: string): Host | undefined {
  return literal.includes(':') ? parseAddress(literal) : undefined
}

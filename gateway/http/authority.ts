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

function parseV6(literal: string): Host | undefined {
  return literal.includes(':') ? parseAddress(literal) : undefined
}

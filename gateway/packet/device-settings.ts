import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { GatewayError } from '../errors.ts'

/** A setting of a network device in /proc/sys. */
interface Setting {
  readonly path: (device: string) => string
  readonly value: string
  /** The line of a compose file's `sysctls:` that gives new devices this value; absent where nothing rests on it. */
  readonly line?: string
}

const v4 =
  (name: string) =>
  (device: string): string =>
    `/proc/sys/net/ipv4/conf/${device}/${name}`

/** The device of a wire is no router, takes no hints, and has no IPv6. */
const settings: readonly Setting[] = [
  { path: v4('forwarding'), value: '0', line: 'net.ipv4.ip_forward: 0' },
  { path: v4('route_localnet'), value: '0', line: 'net.ipv4.conf.default.route_localnet: 0' },
  { path: v4('proxy_arp'), value: '0', line: 'net.ipv4.conf.default.proxy_arp: 0' },
  {
    path: device => `/proc/sys/net/ipv6/conf/${device}/disable_ipv6`,
    value: '1',
    line: 'net.ipv6.conf.default.disable_ipv6: 1',
  },
  // The packet filter drops ICMP redirects and whatever does not come from the job's address before these are asked.
  { path: v4('rp_filter'), value: '0' },
  { path: v4('accept_redirects'), value: '0' },
  { path: v4('send_redirects'), value: '0' },
  { path: v4('accept_source_route'), value: '0' },
]

/**
 * Gives a wire's device its settings, or, where /proc/sys may not be written (a container), makes sure that it has those
 * on which something rests.
 * @throws GatewayError SYSCTL_NEEDED, which names every line that the compose file lacks
 */
export function settleDevice(device: string): void {
  const missing = settings.flatMap(setting => {
    const path = setting.path(device)
    // A machine without IPv6 has none of its settings either.
    if (!existsSync(path) && path.includes('/ipv6/')) return []
    return settle(path, setting.value) || setting.line === undefined ? [] : [setting.line]
  })
  if (missing.length === 0) return
  throw new GatewayError(
    'SYSCTL_NEEDED',
    `the wire needs settings that may not be written here; the gateway's service needs under 'sysctls:' the lines: ${missing.join(', ')}`,
    { details: { device, missing } },
  )
}

function settle(path: string, value: string): boolean {
  try {
    if (readFileSync(path, 'latin1').trim() === value) return true
    writeFileSync(path, value)
    return true
  } catch {
    // Read-only, as in a container: what stands there decides, and it is not what we need.
    return false
  }
}

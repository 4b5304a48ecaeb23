import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { type Address, bytesOf } from '../net/address.ts'
import type { SocketOwner } from './sock-diag.ts'
import type { SocketAddress } from './sockets.ts'

/** Most that is read of one table, in bytes: some seven thousand sockets. */
const maxTableBytes = 1_048_576

/**
 * The socket that `local` talks to `remote` with, by the tables of a process in their network namespace (`/proc/PID/net`):
 * what NETLINK_SOCK_DIAG says too, for who may not enter that namespace. Undefined when there is none, when it is a remnant,
 * when two sockets share the port, and when the table is too long or cannot be read.
 */
export function findInProcNet(
  procNet: string,
  transport: 'tcp' | 'udp',
  local: SocketAddress,
  remote: SocketAddress,
): SocketOwner | undefined {
  const tables = [readTable(`${procNet}/${transport}`), readTable(`${procNet}/${transport}6`)]
  // Half of what there is could hide the one that makes it ambiguous.
  if (tables.some(table => table === undefined)) return undefined
  const rows = tables.flatMap(table => rowsFor(table ?? '', local.port))
  const exact = rows.filter(row => isAt(row.local, local) && isAt(row.remote, remote))
  if (transport === 'tcp' || exact.length > 0) return sole(exact)
  return sole(
    rows.filter(
      row =>
        (row.local.address === unspecified || row.local.address === hexOf(local.address)) &&
        (row.remote.port === 0 || row.remote.port === remote.port),
    ),
  )
}

interface End {
  /** Eight hex digits as the kernel prints an IPv4 address, also out of a mapped one; or of IPv6. */
  readonly address: string
  readonly port: number
}

interface Row extends SocketOwner {
  /** Where it stands in its table: a row may meet the needle twice. */
  readonly start: number
  readonly local: End
  readonly remote: End
}

const unspecified = '00000000'
/** `::ffff:0:0/96` and `::`, as 32-bit words in the order of the machine. */
const mapped = /^0{16}FFFF0000([0-9A-F]{8})$/
const unspecified6 = '0'.repeat(32)
const row =
  /^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]{2} \S+ \S+ \S+ +(\d+) +\d+ (\d+) /

/** The rows whose local port it is. They are looked for as text, as most rows are about something else. */
function rowsFor(table: string, port: number): readonly Row[] {
  const found: Row[] = []
  const needle = `:${port.toString(16).toUpperCase().padStart(4, '0')} `
  for (let at = table.indexOf(needle); at >= 0; at = table.indexOf(needle, at + 1)) {
    const start = table.lastIndexOf('\n', at) + 1
    const end = table.indexOf('\n', at)
    const match = row.exec(table.slice(start, end < 0 ? undefined : end))
    if (match === null) continue
    const [, localAddress = '', localPort = '', remoteAddress = '', remotePort = '', uid, inode] = match
    const local = { address: plain(localAddress), port: Number.parseInt(localPort, 16) }
    const remote = { address: plain(remoteAddress), port: Number.parseInt(remotePort, 16) }
    if (local.port === port && start !== found.at(-1)?.start)
      found.push({ local, remote, uid: Number(uid), inode: Number(inode), start })
  }
  return found
}

function plain(address: string): string {
  return address === unspecified6 ? unspecified : (mapped.exec(address)?.[1] ?? address)
}

function isAt(end: End, { address, port }: SocketAddress): boolean {
  return end.port === port && end.address === hexOf(address)
}

/** As the kernel prints it: the four bytes as one number of the machine, which is little-endian on all that we run on. */
function hexOf(address: Address): string {
  return Buffer.from(bytesOf(address).toReversed()).toString('hex').toUpperCase()
}

/** Without an inode it is a remnant (TIME_WAIT) that no process holds. */
function sole(rows: readonly Row[]): SocketOwner | undefined {
  const [only, another] = rows
  return only === undefined || another !== undefined || only.inode === 0
    ? undefined
    : { inode: only.inode, uid: only.uid }
}

/** The text of a table, empty where the kernel has none of that family; undefined when it is too long or cannot be read. */
function readTable(path: string): string | undefined {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (cause) {
    // A kernel without IPv6 has no such table.
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    return isMissing && path.endsWith('6') && existsSync(path.slice(0, -1)) ? '' : undefined
  }
  try {
    const parts: Buffer[] = []
    for (let length = 0; length <= maxTableBytes;) {
      const part = Buffer.allocUnsafe(65_536)
      const count = readSync(fd, part)
      if (count === 0) return Buffer.concat(parts).toString('latin1')
      parts.push(part.subarray(0, count))
      length += count
    }
    return undefined
  } catch {
    // The process ended meanwhile.
    return undefined
  } finally {
    closeSync(fd)
  }
}

import { existsSync, readFileSync } from 'node:fs'

// include/uapi/linux/capability.h and prctl.h
const capabilityVersion3 = 0x2008_0522
const NET_ADMIN = 12
const PR_CAP_AMBIENT = 47
const PR_CAP_AMBIENT_RAISE = 2

/**
 * Takes up what this process is permitted and does not use yet. In the image Node's file carries its capabilities as permitted
 * only (`=p`), so that a user who is not root gets those that the container was given, and one that was given none still starts
 * and is told what is missing. NET_ADMIN is handed on to the programs that we run (nft, ip). Does nothing for anybody else.
 * @throws GatewayError SOCKET_FAILED when the kernel refuses what it has permitted
 */
export async function takeUpCapabilities(): Promise<void> {
  const status = '/proc/thread-self/status'
  const wanted = existsSync(status) ? permittedButUnused(readFileSync(status, 'latin1')) : undefined
  if (wanted === undefined) return
  // Loaded only here: commands that touch no network do without the C library.
  const { must } = await import('./libc.ts')
  const what = 'taking up capabilities'
  must(what, 'capset', capabilityHeader(), capabilityData(wanted))
  if ((wanted & (1n << BigInt(NET_ADMIN))) !== 0n)
    must(what, 'prctl', PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, NET_ADMIN, 0, 0)
}

/** The permitted set of a /proc/PID/status when more is permitted than is in effect. Pure. */
export function permittedButUnused(status: string): bigint | undefined {
  const set = (name: string): bigint =>
    BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`)
  const permitted = set('CapPrm')
  return (permitted & ~set('CapEff')) === 0n ? undefined : permitted
}

/** struct __user_cap_header_struct: version, pid (0: the calling thread, which starts all others). */
function capabilityHeader(): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(capabilityVersion3)
  return header
}

/** struct __user_cap_data_struct[2]: effective, permitted, inheritable; the low 32 capabilities, then the high ones. Pure. */
export function capabilityData(set: bigint): Buffer {
  const data = Buffer.alloc(24)
  for (const [half, at] of [
    [set & 0xffff_ffffn, 0],
    [set >> 32n, 12],
  ] as const)
    for (const field of [0, 4, 8]) data.writeUInt32LE(Number(half), at + field)
  return data
}

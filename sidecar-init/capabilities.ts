/**
 * What root may do in the job: Docker's default set without MKNOD, which in a container the device cgroup keeps harmless
 * and here nothing would. NET_ADMIN and SYS_ADMIN are what a job could leave the wire with (docs/packets.md).
 */
export const jobCapabilities = [
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'setpcap',
  'net_bind_service',
  'net_raw',
  'sys_chroot',
  'audit_write',
  'setfcap',
] as const

/** The argument of `setpriv --bounding-set`. */
export const boundingSet: string = ['-all', ...jobCapabilities.map(name => `+${name}`)].join(',')

// Numbers of include/uapi/linux/capability.h.
const numbers: Readonly<Record<(typeof jobCapabilities)[number], number>> = {
  chown: 0,
  dac_override: 1,
  fowner: 3,
  fsetid: 4,
  kill: 5,
  setgid: 6,
  setuid: 7,
  setpcap: 8,
  net_bind_service: 10,
  net_raw: 13,
  sys_chroot: 18,
  audit_write: 29,
  setfcap: 31,
}

const allowed = jobCapabilities.reduce((mask, name) => mask | (1n << BigInt(numbers[name])), 0n)

/** Capability sets of a process, as /proc/PID/status shows them. */
export interface ProcessStatus {
  readonly capabilities: Readonly<Record<'CapInh' | 'CapPrm' | 'CapEff' | 'CapBnd' | 'CapAmb', bigint>>
  /** 2 when a seccomp filter is on. */
  readonly seccomp: number
}

/** Reads /proc/PID/status; undefined when a field is missing. Pure. */
export function parseStatus(text: string): ProcessStatus | undefined {
  const hex = (name: string): bigint | undefined => {
    const digits = new RegExp(`^${name}:\\s*([0-9a-f]{1,16})$`, 'm').exec(text)?.[1]
    return digits === undefined ? undefined : BigInt(`0x${digits}`)
  }
  const [CapInh, CapPrm, CapEff, CapBnd, CapAmb] = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map(hex)
  const seccomp = /^Seccomp:\s*(\d+)$/m.exec(text)?.[1]
  if (CapInh === undefined || CapPrm === undefined || CapEff === undefined) return undefined
  if (CapBnd === undefined || CapAmb === undefined || seccomp === undefined) return undefined
  return { capabilities: { CapInh, CapPrm, CapEff, CapBnd, CapAmb }, seccomp: Number(seccomp) }
}

/** Names of the sets that hold more than a job may have; empty is good. Pure. */
export function excessSets({ capabilities }: ProcessStatus): readonly string[] {
  return Object.entries(capabilities)
    .filter(([, mask]) => (mask & ~allowed) !== 0n)
    .map(([name]) => name)
}

/**
 * Capabilities with which a build could leave its wire or its container, by their numbers in
 * include/uapi/linux/capability.h, the likeliest first. None is in an engine's default set. docs/sidecar-init.md says what each would open.
 */
export const forbiddenCapabilities = {
  /** Hangs an interface on the gateway's uplink by the wire's namespace id, or removes the wire. */
  NET_ADMIN: 12,
  /** Enters other namespaces and mounts file systems. */
  SYS_ADMIN: 21,
  /** Loads code into the kernel. */
  SYS_MODULE: 16,
  /** Writes to the machine's memory and devices. */
  SYS_RAWIO: 17,
  /** Opens files of the machine by handle, past the container's own root. */
  DAC_READ_SEARCH: 2,
  /** Attaches programs to the kernel's packet path. */
  BPF: 39,
} as const

/** Name of a capability that a build must not hold, as engines spell it, without `CAP_`. */
export type ForbiddenCapability = keyof typeof forbiddenCapabilities

/** Those of a capability set, as /proc/PID/status shows it in CapBnd or CapEff. Pure. */
export function forbiddenIn(set: bigint): readonly ForbiddenCapability[] {
  return names.filter(name => (set & (1n << BigInt(forbiddenCapabilities[name]))) !== 0n)
}

/** Those that a list of capabilities to add gives, in the spellings that engines take (`NET_ADMIN`, `cap_net_admin`, `ALL`). Pure. */
export function forbiddenAmong(added: readonly string[]): readonly ForbiddenCapability[] {
  const canonical = new Set(added.map(name => name.toUpperCase().replace(/^CAP_/, '')))
  return canonical.has('ALL') ? names : names.filter(name => canonical.has(name))
}

const names = Object.keys(forbiddenCapabilities).filter(isForbidden)

function isForbidden(name: string): name is ForbiddenCapability {
  return Object.hasOwn(forbiddenCapabilities, name)
}

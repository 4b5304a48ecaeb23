import { dirname } from 'node:path'

/** One step of a mount plan; `init.sh` carries it out. */
export type MountStep =
  | readonly ['tmpfs', path: string, mode: string]
  | readonly ['sysfs' | 'mqueue', path: string]
  | readonly ['directory', path: string, mode: string]
  | readonly ['owner', path: string, owner: string]
  | readonly ['copy' | 'bind' | 'bind-read-only' | 'move', from: string, to: string]
  /** `cover`: with /dev/null, if it is still there. */
  | readonly ['read-only' | 'cover', path: string]

/** What the job's view of the file system depends on. Paths are absolute. */
export interface MountInput {
  /** An empty folder of ours to assemble things in; nothing is left of it inside. */
  readonly staging: string
  /** Shown to the job, read-only, as /run/tidegate. */
  readonly runDirectory: string
  /** The job's resolv.conf, already written. */
  readonly resolvConf: string
  /** Where /etc/resolv.conf leads when all links are followed; it exists, or is below /run. */
  readonly resolvTarget: string
  /** The job's hosts file and the path of the machine's, where they differ. */
  readonly hosts?: { readonly made: string; readonly target: string } | undefined
  readonly cwd: string
  /** User of the job; it gets its empty /run/user/UID. */
  readonly uid: number
  readonly gid: number
  /** Is /var/run a folder of its own, and no link to /run? */
  readonly ownVarRun: boolean
  /** Of /run, what a build needs and what leads nowhere: those that exist. */
  readonly keep: readonly string[]
  /** Mount points below /sys/fs/cgroup, that one first; builds read their limits there. */
  readonly cgroups: readonly string[]
  /** Unix sockets in the file system outside /run, and devices, behind which something may carry data out. */
  readonly doors: readonly string[]
  /** Folders to show empty. */
  readonly emptied: readonly string[]
  /** Of /proc, what root could change the machine by: those that exist. */
  readonly kernelFiles: readonly string[]
  /** Where /proc and /sys are mounted a second time; these show the machine's processes and its /run. */
  readonly otherProc: readonly string[]
  readonly otherSys: readonly string[]
  /** Where the message queues of POSIX are seen: they belong to the job's own namespace too. */
  readonly queues: readonly string[]
}

/** Parts of /run that are kept: lock files, and secrets that containers mount there. */
export const keptOfRun = ['/run/lock', '/run/secrets'] as const

/** Parts of /proc that become read-only, as in containers: whoever writes core_pattern runs programs outside. */
export const kernelFiles = ['/proc/sys', '/proc/sysrq-trigger', '/proc/irq', '/proc/bus', '/proc/fs'] as const

/**
 * The steps that make the job's view: /run without the sockets of the machine's services (Docker, systemd, D-Bus, name
 * services: each of them has the network), /run/tidegate, a resolv.conf that names the gateway, a /sys of its own network
 * namespace, /proc/sys read-only. Pure.
 */
export function planMounts(input: MountInput): readonly MountStep[] {
  // /run last: what goes before may lie below the old one.
  return [...planSys(input), ...planResolver(input), ...planDoors(input), ...planRun(input)]
}

/** The plan as text: fields separated by tabs, a line each. @throws RangeError for a path that this cannot express */
export function renderPlan(plan: readonly MountStep[]): string {
  const strange = plan.flat().find(field => /[\t\n]/.test(field))
  if (strange !== undefined) throw new RangeError(`a path holds a tab or a line feed: ${JSON.stringify(strange)}`)
  return plan.map(step => `${step.join('\t')}\n`).join('')
}

function planRun(input: MountInput): readonly MountStep[] {
  const run = `${input.staging}/run`
  const user = `${run}/user/${input.uid}`
  const kept = [...input.keep, ...(isBelow(input.cwd, '/run') ? [input.cwd] : [])]
  return [
    ['directory', run, '755'],
    ['tmpfs', run, '755'],
    ['directory', `${run}/tidegate`, '755'],
    ['bind-read-only', input.runDirectory, `${run}/tidegate`],
    ['directory', `${run}/user`, '755'],
    ['directory', user, '700'],
    ['owner', user, `${input.uid}:${input.gid}`],
    ...kept.flatMap((path): readonly MountStep[] => [
      ['directory', `${input.staging}${path}`, '755'],
      ['bind', path, `${input.staging}${path}`],
    ]),
    ...(isBelow(input.resolvTarget, '/run') ? placeResolver(input) : []),
    ['move', run, '/run'],
    ...(input.ownVarRun ? [['bind', '/run', '/var/run'] as const] : []),
  ]
}

/** resolv.conf as systemd and others have it: a link into /run, which is a new one here. */
function placeResolver({ staging, resolvConf, resolvTarget }: MountInput): readonly MountStep[] {
  return [
    ['directory', `${staging}${dirname(resolvTarget)}`, '755'],
    ['copy', resolvConf, `${staging}${resolvTarget}`],
  ]
}

function planResolver({ resolvConf, resolvTarget, hosts }: MountInput): readonly MountStep[] {
  return [
    ...(isBelow(resolvTarget, '/run') ? [] : [['bind-read-only', resolvConf, resolvTarget] as const]),
    // A build may add names of its own, as in a container: they lead no further than an address does.
    ...(hosts === undefined ? [] : [['bind', hosts.made, hosts.target] as const]),
  ]
}

function planSys({ staging, cgroups }: MountInput): readonly MountStep[] {
  const [root] = cgroups
  if (root === undefined) return [['sysfs', '/sys']]
  const aside = `${staging}/cgroup`
  return [
    ['directory', aside, '755'],
    ['bind', root, aside],
    ['sysfs', '/sys'],
    ['move', aside, root],
    ...cgroups.map(path => ['read-only', path] as const),
  ]
}

function planDoors(input: MountInput): readonly MountStep[] {
  const { doors, emptied, kernelFiles: files, otherProc, otherSys, queues } = input
  return [
    ...queues.map(path => ['mqueue', path] as const),
    ...files.map(path => ['bind-read-only', path, path] as const),
    ...otherProc.map(path => ['bind', '/proc', path] as const),
    ...otherSys.map(path => ['bind', '/sys', path] as const),
    ...emptied.map(path => ['tmpfs', path, '755'] as const),
    ...doors.map(path => ['cover', path] as const),
  ]
}

/** Is `path` inside `folder`? */
export function isBelow(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`)
}

import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import { GatewayError } from '../gateway/errors.ts'
import type { Address } from '../gateway/net/address.ts'
import { parseHosts } from '../gateway/net/hosts-file.ts'
import { findDoors } from './doors.ts'
import { type Mount, parseMounts } from './mount-table.ts'
import { isBelow, kernelFiles, keptOfRun, planMounts, renderPlan } from './mounts.ts'

/** What the job is to see of the machine. */
export interface ViewOptions {
  /** Shown to the job, read-only, as /run/tidegate; it exists. */
  readonly runDirectory: string
  /** Where to assemble the view; made here, and removed. The caller knows it, and can so remove it after a process that was killed. */
  readonly staging: string
  /** The only resolver the job has: the gateway's end of the wire. */
  readonly nameserver: Address
  readonly cwd: string
  readonly uid: number
  readonly gid: number
  /** The job's: the sockets that it names are covered, but for `SSH_AUTH_SOCK`. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Folders that the job sees empty, as far as they exist and it does not work in them. */
  readonly hidden?: readonly string[]
}

/** A plan of mounts on disk. Disposing removes what is left of it outside the job; do that when the job is gone. */
export interface View extends Disposable {
  readonly planFile: string
  /** Removes the plan and its files: once the mounts are made nothing asks for them by name. */
  applied(): void
}

/**
 * Looks at the machine and writes the plan of the job's view.
 * @throws GatewayError LAUNCH_FAILED
 */
export function writeView(options: ViewOptions): View {
  using opening = new DisposableStack()
  try {
    mkdirSync(options.staging, { recursive: true, mode: 0o700 })
    const staging = opening.adopt(options.staging, removeTree)
    const resolvConf = `${staging}/resolv.conf`
    const resolvTarget = opening.use(resolverTarget()).path
    writeFileSync(resolvConf, renderResolvConf(options.nameserver, readIfThere('/etc/resolv.conf')), { mode: 0o644 })
    const hosts = writeHosts(`${staging}/hosts`)
    const cwd = realpathSync(options.cwd)
    const keep = keptOfRun.filter(path => existsSync(path))
    const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8')
    const mounts = parseMounts(mountinfo)
    const kept = [...keep, ...(isBelow(cwd, '/run') ? [cwd] : [])]
    const doors = findDoors({ kept, environment: options.environment, mounts })
    const plan = planMounts({
      staging,
      runDirectory: options.runDirectory,
      resolvConf,
      resolvTarget,
      hosts,
      cwd,
      uid: options.uid,
      gid: options.gid,
      ownVarRun: !(lstatSync('/var/run', { throwIfNoEntry: false })?.isSymbolicLink() ?? true),
      keep,
      cgroups: mountsBelow('/sys/fs/cgroup', mountinfo),
      doors: doors.files,
      emptied: [...doors.folders, ...(options.hidden ?? []).filter(path => existsSync(path))].filter(
        path => path !== cwd && !isBelow(cwd, path),
      ),
      kernelFiles: kernelFiles.filter(path => existsSync(path)),
      otherProc: elsewhere(mounts, 'proc', '/proc'),
      otherSys: elsewhere(mounts, 'sysfs', '/sys'),
      queues: mounts.filter(({ type }) => type === 'mqueue').map(({ point }) => point),
    })
    const planFile = `${staging}/plan`
    writeFileSync(planFile, renderPlan(plan), { mode: 0o600 })
    const owned = opening.move()
    return { planFile, applied: () => removeTree(staging), [Symbol.dispose]: () => owned.dispose() }
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new GatewayError('LAUNCH_FAILED', `cannot prepare the job’s view of the file system: ${said}`, { cause })
  }
}

/** Where else a file system of the kernel's own is mounted, as in the root folders of other systems. */
function elsewhere(mounts: readonly Mount[], type: string, usual: string): readonly string[] {
  const points = mounts.filter(mount => mount.type === type && mount.root === '/').map(({ point }) => point)
  return [...new Set(points)].filter(point => point !== usual && !isBelow(point, '/run'))
}

/** The job's resolv.conf: our name server, and of the machine's what changes names that are asked for (`search`, `ndots`). Pure. */
export function renderResolvConf(nameserver: Address, machine: string): string {
  const lines = machine.split('\n').map(line => line.trim())
  const search = lines.findLast(line => /^(?:search|domain)\s/.test(line))
  const ndots = lines
    .filter(line => /^options\s/.test(line))
    .flatMap(line => line.match(/ndots:\d+/g) ?? [])
    .at(-1)
  return [
    '# made by tidegate: all names are asked of the gateway',
    `nameserver ${nameserver}`,
    ...(search === undefined ? [] : [search]),
    ...(ndots === undefined ? [] : [`options ${ndots}`]),
    '',
  ].join('\n')
}

/** The job's own hosts file, when the machine's names other machines: the gateway answers for these. */
function writeHosts(made: string): { readonly made: string; readonly target: string } | undefined {
  const { others, own } = parseHosts(readIfThere('/etc/hosts'), hostname())
  if (others.size === 0) return undefined
  const target = realpathSync('/etc/hosts')
  // Below /run it would have to be put into the new one; nobody has it there.
  if (isBelow(target, '/run')) return undefined
  writeFileSync(made, own, { mode: 0o644 })
  return { made, target }
}

/** Mount points at and below `root`, in the order they were mounted, from the text of /proc/PID/mountinfo. Pure. */
export function mountsBelow(root: string, mountinfo: string): readonly string[] {
  const points = parseMounts(mountinfo).map(({ point }) => point)
  return [...new Set(points)].filter(point => point === root || isBelow(point, root))
}

/** Where /etc/resolv.conf leads. One that is missing is made, empty, which to resolvers is the same, and removed again. */
function resolverTarget(): Disposable & { readonly path: string } {
  const path = '/etc/resolv.conf'
  if (existsSync(path)) return { path: realpathSync(path), [Symbol.dispose]: nothing }
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
  const target = isLink ? resolve(dirname(path), readlinkSync(path)).replace(/^\/var\/run\//, '/run/') : path
  if (isBelow(target, '/run')) return { path: target, [Symbol.dispose]: nothing }
  writeFileSync(target, '', { flag: 'wx', mode: 0o644 })
  return {
    path: target,
    [Symbol.dispose]() {
      if (statSync(target, { throwIfNoEntry: false })?.size === 0) rmSync(target)
    },
  }
}

/** What was there before stays. */
function nothing(): void {}

function removeTree(path: string): void {
  rmSync(path, { recursive: true, force: true })
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

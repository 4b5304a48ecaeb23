import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { aliasesOf, type Mount } from './mount-table.ts'
import { isBelow } from './mounts.ts'

/** Devices that carry data past every network namespace: to a hypervisor, or over an InfiniBand adapter. */
const devices = ['/dev/vsock', '/dev/vhost-vsock'] as const
const deviceFolders = ['/dev/infiniband'] as const

/**
 * Folders whose content somebody outside takes up and acts on, with the machine's network: jobs of cron and at, mail, print
 * jobs. Users who are not root have programs that may write there.
 */
const spools = [
  'at',
  'clientmqueue',
  'cron',
  'cups',
  'dma',
  'exim',
  'exim4',
  'incron',
  'lp',
  'lpd',
  'mqueue',
  'mqueue-client',
  'nullmailer',
  'postfix',
  'smtpd',
  'uucp',
].map(name => `/var/spool/${name}`)

/** Sockets that are kept: they serve a key or a display, not the network. */
const harmless: readonly RegExp[] = [/\/S\.gpg-agent[^/]*$/, /^\/tmp\/\.X11-unix\/X\d+$/]

/**
 * Where the sockets of engines and buses lie in a folder that somebody mounted: a machine's root, its /run, a folder of
 * theirs. Who listens there may be in any network namespace, so that no list names them.
 */
const wellKnown = ['', '/run', '/var/run'].flatMap(folder =>
  [
    'docker.sock',
    'containerd/containerd.sock',
    'podman/podman.sock',
    'crio/crio.sock',
    'buildkit/buildkitd.sock',
    'dbus/system_bus_socket',
    'systemd/private',
  ].map(name => `${folder}/${name}`),
)

/** Ways out of the job that are files, as far as this machine has them. */
export interface Doors {
  /** Sockets and devices; each is covered by /dev/null. */
  readonly files: readonly string[]
  /** Each is shown empty. */
  readonly folders: readonly string[]
}

/** Where to look for them, beside the machine's lists. */
export interface DoorSigns {
  /** Folders of /run that the job sees; the rest of it is replaced as a whole. */
  readonly kept: readonly string[]
  /** The job's: `DOCKER_HOST` and others name sockets, `SSH_AUTH_SOCK` the one that stays. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly mounts: readonly Mount[]
}

/**
 * Finds the Unix sockets that programs of this machine listen on (a Docker engine, a build daemon: whoever talks to them
 * has their network), and devices. A path socket belongs to no network namespace: hence also those that process 1 sees,
 * those that the environment names, those that are mounted, and all of them under every other path that leads there.
 */
export function findDoors({ kept, environment, mounts }: DoorSigns): Doors {
  const sshAgent = environment['SSH_AUTH_SOCK']
  const listed = ['/proc/self/net/unix', '/proc/1/net/unix'].flatMap(path => boundPaths(readIfThere(path)))
  const visible = mounts.filter(
    ({ point }) => !['/proc', '/sys', '/dev'].some(it => it === point || isBelow(point, it)),
  )
  const mounted = visible.flatMap(({ point }) => [
    point,
    ...wellKnown.map(name => `${point === '/' ? '' : point}${name}`),
  ])
  const found = [...listed, ...mounted, ...namedSockets(environment)].filter(isSocket).map(path => realpathSync(path))
  const sockets = [...new Set(found.flatMap(path => [path, ...aliasesOf(path, mounts)]))].filter(path => {
    const hidden =
      ['/run', '/var/run'].some(folder => isBelow(path, folder)) && !kept.some(folder => isBelow(path, folder))
    return !hidden && path !== sshAgent && !harmless.some(pattern => pattern.test(path)) && isSocket(path)
  })
  // A folder in which to name a host is to have it asked for its exports: by the machine.
  const hostMaps = mounts.filter(({ type, source }) => type === 'autofs' && source === '-hosts')
  const spooling = spools.flatMap(path => (existsSync(path) ? [path, ...aliasesOf(path, mounts)] : []))
  return {
    files: [...sockets, ...devices.filter(path => existsSync(path))],
    folders: [...deviceFolders, ...spooling, ...hostMaps.map(({ point }) => point)].filter(path => existsSync(path)),
  }
}

/** Sockets that variables name, as `unix:///run/docker.sock`, `unix:path=/run/bus` or by the bare path. Pure. */
export function namedSockets(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.values(environment).flatMap(value => {
    if (value === undefined) return []
    const urls = [...value.matchAll(/unix:(?:\/\/|path=)?(\/[^,;\s]+)/g)].flatMap(([, path]) => path ?? [])
    return value.startsWith('/') && !value.includes(':') ? [value, ...urls] : urls
  })
}

/** Paths of the sockets in the text of /proc/net/unix; abstract names (`@`) belong to a network namespace and are left out. Pure. */
export function boundPaths(text: string): readonly string[] {
  return text.split('\n').flatMap(line => {
    const path = /^[0-9a-f]+: (?:\S+ +){5}\d+ (\/.*)$/.exec(line)?.[1]
    return path === undefined ? [] : [path]
  })
}

/** Also of what is there and cannot be looked at, as in the folder of a network file system: that is none we could cover. */
function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket()
  } catch {
    return false
  }
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

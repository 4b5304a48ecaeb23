import { forbiddenAmong } from './capabilities.ts'
import { leadsToEngine } from './engine-sockets.ts'
import type { BindMount, ContainerShape } from './shape.ts'

/** One thing about a container that the wire cannot hold. */
export interface Hazard {
  /** Where it is said, so that a file's reader can be sent there. */
  readonly field: keyof ContainerShape
  /** Which entry of a list, from 0. */
  readonly index?: number
  /** What is wrong, as the end of a sentence that begins with the container. */
  readonly what: string
  readonly fix: string
}

/**
 * Everything with which a build in this container could leave its wire or its container, the plainest first; none when it
 * is as safe as an engine's defaults. The network itself is not looked at: who attaches it knows what it must be. Pure.
 */
export function hazardsOf(shape: ContainerShape): readonly Hazard[] {
  const { privileged, added, pidMode, ipcMode, userMode } = shape
  const capabilities = forbiddenAmong(added)
  return [
    ...(privileged ? [hazard('privileged', 'is privileged', 'start it without')] : []),
    ...capabilitiesFault(added, capabilities),
    ...(['pidMode', 'ipcMode', 'userMode'] as const).flatMap(field => {
      const mode = { pidMode, ipcMode, userMode }[field]
      return mode === 'host'
        ? [hazard(field, `shares the machine’s ${spaces[field]} namespace`, 'give it its own')]
        : []
    }),
    ...shape.mounts.flatMap((mount, index) => mountFault(mount, index)),
    ...shape.devices.flatMap((path, index) =>
      isDangerousDevice(path)
        ? [{ ...hazard('devices', `has the machine’s device ${path}`, 'start it without'), index }]
        : [],
    ),
    ...shape.deviceRules.flatMap((rule, index) =>
      /^[ab]\b|\*:/.test(rule.trim())
        ? [
            {
              ...hazard('deviceRules', `may make devices of the machine (${rule})`, 'name single character devices'),
              index,
            },
          ]
        : [],
    ),
    ...shape.securityOptions.flatMap((option, index) =>
      /^systempaths[=:]unconfined$/.test(option)
        ? [{ ...hazard('securityOptions', 'may write the kernel’s settings (systempaths)', 'start it without'), index }]
        : [],
    ),
  ]
}

const spaces = { pidMode: 'pid', ipcMode: 'ipc', userMode: 'user' } as const

function capabilitiesFault(added: readonly string[], forbidden: readonly string[]): readonly Hazard[] {
  if (forbidden.length === 0) return []
  const all = added.findIndex(name => /^(?:cap_)?all$/i.test(name))
  const index = all === -1 ? added.findIndex(name => forbidden.includes(name.toUpperCase().replace(/^CAP_/, ''))) : all
  const which = all === -1 ? forbidden.join(', ') : 'every capability'
  return [{ ...hazard('added', `has ${which}`, 'take it out of cap_add (--cap-add)'), index }]
}

/** Folders of the machine through which whoever may write there rules it; with what is below them, where it says so. */
const ruling: readonly (readonly [folder: string, below: boolean])[] = [
  ['/', false],
  ['/etc', false],
  ['/usr', false],
  ['/boot', true],
  ['/proc', true],
  ['/sys', true],
  ['/dev', false],
  ['/var', false],
  ['/run', false],
  ['/var/run', false],
  // Where engines show the network namespaces of containers.
  ['/run/docker', true],
  ['/var/run/docker', true],
  ['/run/netns', true],
  ['/var/run/netns', true],
  ['/var/lib', false],
  ['/var/lib/docker', true],
  ['/var/lib/containerd', true],
]

function mountFault({ source, readOnly }: BindMount, index: number): readonly Hazard[] {
  const path = source.replace(/\/{2,}/g, '/').replace(/(.)\/$/, '$1')
  // A socket can be spoken to through a read-only mount as well.
  if (leadsToEngine(path)) {
    const fix = 'take the mount away; builds in containers need an engine of their own behind the wire'
    return [{ ...hazard('mounts', `sees an engine’s socket (${source})`, fix), index }]
  }
  if (isDangerousDevice(path))
    return [{ ...hazard('mounts', `has the machine’s device ${path}`, 'take the mount away'), index }]
  const rules = ruling.some(([folder, below]) => path === folder || (below && path.startsWith(`${folder}/`)))
  if (!rules || readOnly) return []
  return [
    { ...hazard('mounts', `may write the machine’s ${source}`, 'mount it read-only, or only what it needs'), index },
  ]
}

/**
 * Devices that carry data past every network namespace, that are the machine's memory, or its disks. /dev/kvm, /dev/fuse,
 * /dev/net/tun, sound, video and serial lines are none of these.
 */
function isDangerousDevice(path: string): boolean {
  return /^\/dev\/(?:vsock|vhost-.*|infiniband(?:\/.*)?|mem|kmem|port|sd[a-z].*|vd[a-z].*|xvd[a-z].*|nvme.*|dm-\d+|mapper\/.+|md\d.*|loop.*|disk\/.*|raw\/.*)$/.test(
    path,
  )
}

function hazard(field: keyof ContainerShape, what: string, fix: string): Hazard {
  return { field, what, fix }
}

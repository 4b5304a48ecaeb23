import type { Node } from 'yaml'
import type { ComposeReader, Placed } from './compose-nodes.ts'
import type { BindMount, ContainerShape } from './shape.ts'

/** A volume as a service mounts it. */
export interface ComposeMount extends Placed<string> {
  /** A path of the machine, or the name of a volume; empty for an anonymous one. */
  readonly source: string
  readonly target: string
  readonly readOnly: boolean
}

/** One service of a compose file, as far as the check looks. */
export interface ComposeService {
  readonly name: string
  /** Offset of its name. */
  readonly at: number
  readonly shape: ContainerShape
  /** Where each part of the shape is said; a list has a place for each of its entries. */
  readonly places: Readonly<Partial<Record<keyof ContainerShape, readonly number[]>>>
  readonly networks: Placed<boolean> | undefined
  readonly mounts: readonly ComposeMount[]
  /** What must have happened to other services before it starts. */
  readonly dependsOn: ReadonlyMap<string, string>
  /** Entrypoint and command, as words. */
  readonly words: readonly string[]
  readonly labels: ReadonlyMap<string, Placed<string>>
  /** A file whose service it extends, which this check does not see. */
  readonly extendsFile: Placed<string> | undefined
}

/** Reads a service. `devices` are the paths of the machine that named volumes show. */
export function readService(
  reader: ComposeReader,
  name: string,
  nameAt: number,
  node: Node | null,
  devices: ReadonlyMap<string, string>,
): ComposeService {
  const get = (key: string): Node | null | undefined => reader.at(node, key)?.node
  const mode = (key: string): Placed<string> => reader.text(get(key)) ?? { value: '', at: nameAt }
  const [networkMode, pid, ipc, userns] = [mode('network_mode'), mode('pid'), mode('ipc'), mode('userns_mode')]
  const [added, rules, options] = ['cap_add', 'device_cgroup_rules', 'security_opt'].map(key => reader.texts(get(key)))
  const mounts = reader.items(get('volumes')).flatMap(item => readMount(reader, item))
  const bound = mounts.flatMap(mount => bindOf(mount, devices))
  const passed = reader.items(get('devices')).flatMap(item => readDevice(reader, item))
  const api = reader.text(get('use_api_socket'))
  const engine: readonly Placed<BindMount>[] =
    api?.value === 'true' ? [{ value: { source: '/var/run/docker.sock', readOnly: false }, at: api.at }] : []
  const privileged = mode('privileged')
  return {
    name,
    at: nameAt,
    shape: {
      privileged: privileged.value === 'true',
      added: valuesOf(added),
      networkMode: networkMode.value,
      pidMode: pid.value,
      ipcMode: ipc.value,
      userMode: userns.value,
      mounts: valuesOf([...bound, ...engine]),
      devices: valuesOf(passed),
      deviceRules: valuesOf(rules),
      // Either sign is taken.
      securityOptions: valuesOf(options).map(option => option.replace(':', '=')),
    },
    places: {
      privileged: [privileged.at],
      added: placesOf(added),
      networkMode: [networkMode.at],
      pidMode: [pid.at],
      ipcMode: [ipc.at],
      userMode: [userns.at],
      mounts: placesOf([...bound, ...engine]),
      devices: placesOf(passed),
      deviceRules: placesOf(rules),
      securityOptions: placesOf(options),
    },
    networks: ownNetworks(reader, node),
    mounts,
    dependsOn: readDependsOn(reader, get('depends_on')),
    words: ['entrypoint', 'command'].flatMap(key =>
      valuesOf(reader.texts(get(key))).flatMap(text => text.split(/\s+/)),
    ),
    labels: reader.pairs(get('labels')),
    extendsFile: reader.text(reader.at(get('extends'), 'file')?.node),
  }
}

function ownNetworks(reader: ComposeReader, node: Node | null): Placed<boolean> | undefined {
  const entry = reader.at(node, 'networks')
  return entry === undefined ? undefined : { value: true, at: entry.keyAt }
}

/** `SOURCE:TARGET[:MODE]`, or a mapping. */
function readMount(reader: ComposeReader, node: Node | null): readonly ComposeMount[] {
  const short = reader.text(node)
  if (short !== undefined) {
    const [first = '', second, ...modes] = short.value.split(':')
    const [source, target] = second === undefined ? ['', first] : [first, second]
    const readOnly = modes.join(',').split(',').includes('ro')
    return [{ value: short.value, at: short.at, source, target, readOnly }]
  }
  const [source, target, mode] = ['source', 'target', 'read_only'].map(key => reader.text(reader.at(node, key)?.node))
  if (target === undefined) return []
  const at = (source ?? target).at
  return [
    { value: target.value, at, source: source?.value ?? '', target: target.value, readOnly: mode?.value === 'true' },
  ]
}

/** The path of the machine behind a mount: its own, or that of the volume it names. */
function bindOf(
  { source, readOnly, at }: ComposeMount,
  devices: ReadonlyMap<string, string>,
): readonly Placed<BindMount>[] {
  const path = devices.get(source) ?? source
  return path.startsWith('/') ? [{ value: { source: path, readOnly }, at }] : []
}

function readDevice(reader: ComposeReader, node: Node | null): readonly Placed<string>[] {
  const named = reader.text(node) ?? reader.text(reader.at(node, 'source')?.node)
  return named === undefined ? [] : [{ value: named.value.split(':')[0] ?? '', at: named.at }]
}

function readDependsOn(reader: ComposeReader, node: Node | null | undefined): ReadonlyMap<string, string> {
  const listed = reader.items(node).flatMap(item => reader.text(item) ?? [])
  const named = reader.entries(node).map(({ key, node: value }) => {
    return [key, reader.text(reader.at(value, 'condition')?.node)?.value ?? 'service_started'] as const
  })
  return new Map([...listed.map(({ value }) => [value, 'service_started'] as const), ...named])
}

function valuesOf<Value>(placed: readonly Placed<Value>[] | undefined): readonly Value[] {
  return (placed ?? []).map(({ value }) => value)
}

function placesOf(placed: readonly Placed<unknown>[] | undefined): readonly number[] {
  return (placed ?? []).map(({ at }) => at)
}

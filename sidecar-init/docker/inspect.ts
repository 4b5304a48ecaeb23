import { z } from 'zod'
import { GatewayError } from '../../gateway/errors.ts'
import type { ContainerFacts } from './engine.ts'

const texts = z.array(z.string()).nullish()

/** The part of the engine's answer that we read; engines differ in what they leave out. */
const answer = z.object({
  Id: z.string(),
  Name: z.string(),
  Image: z.string(),
  State: z.object({ Status: z.string(), StartedAt: z.string().default('') }),
  NetworkSettings: z.object({ SandboxKey: z.string().default('') }).nullish(),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
  HostConfig: z.object({
    Privileged: z.boolean().default(false),
    CapAdd: texts,
    NetworkMode: z.string().default(''),
    PidMode: z.string().default(''),
    IpcMode: z.string().default(''),
    UsernsMode: z.string().default(''),
    Devices: z.array(z.object({ PathOnHost: z.string() })).nullish(),
    DeviceCgroupRules: texts,
    SecurityOpt: texts,
    MaskedPaths: texts,
    Tmpfs: z.record(z.string(), z.string()).nullish(),
  }),
  Mounts: z
    .array(
      z.object({
        Type: z.string(),
        Name: z.string().default(''),
        Source: z.string().default(''),
        Destination: z.string(),
        RW: z.boolean(),
      }),
    )
    .nullish(),
})

/**
 * Reads the engine's answer to an inspection. `folders` are the paths of the machine that named volumes show.
 * @throws GatewayError ENGINE_UNREACHABLE when it is of another shape
 */
export function parseInspection(raw: unknown, folders: ReadonlyMap<string, string> = new Map()): ContainerFacts {
  const { Id, Name, Image, State, NetworkSettings, Config, HostConfig, Mounts } = read(raw)
  const mounts = Mounts ?? []
  const bound = mounts.flatMap(({ Type, Name: volume, Source, RW }) => {
    const source = Type === 'bind' ? Source : folders.get(volume)
    return source === undefined ? [] : [{ source, readOnly: !RW }]
  })
  return {
    id: Id,
    name: Name.replace(/^\//, ''),
    labels: Config.Labels ?? {},
    image: Image,
    state: stateOf(State.Status),
    startedAt: State.StartedAt,
    networkNamespace: NetworkSettings?.SandboxKey ?? '',
    mountPoints: [...mounts.map(({ Destination }) => Destination), ...Object.keys(HostConfig.Tmpfs ?? {})],
    shape: {
      privileged: HostConfig.Privileged,
      added: HostConfig.CapAdd ?? [],
      networkMode: HostConfig.NetworkMode,
      pidMode: HostConfig.PidMode,
      ipcMode: HostConfig.IpcMode,
      userMode: HostConfig.UsernsMode,
      mounts: bound,
      devices: (HostConfig.Devices ?? []).map(({ PathOnHost }) => PathOnHost),
      deviceRules: HostConfig.DeviceCgroupRules ?? [],
      // The client turns systempaths=unconfined into an empty list of what is masked; the default is null or a list.
      securityOptions: [
        ...(HostConfig.SecurityOpt ?? []),
        ...(HostConfig.MaskedPaths?.length === 0 && !HostConfig.Privileged ? ['systempaths=unconfined'] : []),
      ],
    },
  }
}

/** Names of the volumes that a container mounts. @throws GatewayError ENGINE_UNREACHABLE */
export function volumesIn(raw: unknown): readonly string[] {
  return (read(raw).Mounts ?? []).flatMap(({ Type, Name }) => (Type === 'volume' && Name !== '' ? [Name] : []))
}

const volume = z.object({ Options: z.record(z.string(), z.string()).nullish() })

/** The path of the machine that a volume shows, if it is a bind mount by another name; undefined when it is one of the engine's own. */
export function folderOfVolume(raw: unknown): string | undefined {
  const device = volume.safeParse(raw).data?.Options?.['device']
  return device?.startsWith('/') === true ? device : undefined
}

function read(raw: unknown): z.infer<typeof answer> {
  const parsed = answer.safeParse(raw)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`
  throw new GatewayError('ENGINE_UNREACHABLE', `the engine’s answer is of another shape: ${where}`, {
    cause: parsed.error,
  })
}

function stateOf(status: string): ContainerFacts['state'] {
  if (status === 'created') return 'created'
  return status === 'running' || status === 'paused' ? 'running' : 'ended'
}

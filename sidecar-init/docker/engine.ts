import type { ContainerShape } from '../../gateway/container/shape.ts'

/** What the watcher needs to know of one container. */
export interface ContainerFacts {
  readonly id: string
  /** As people know it, without the slash. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** Id of its image. */
  readonly image: string
  readonly state: 'created' | 'running' | 'ended'
  /** Tells one run of a container from its next. */
  readonly startedAt: string
  /** Path of the file by which the engine shows its network namespace, while it runs; empty where it shows none. */
  readonly networkNamespace: string
  readonly shape: ContainerShape
  /** Where the container has mounts, for whoever wants to put files there. */
  readonly mountPoints: readonly string[]
}

/** Something that happened to a container. */
export interface EngineEvent {
  readonly action: 'create' | 'start' | 'die' | 'destroy'
  readonly id: string
}

/** A helper container: the gateway's image, the gateway's processes, NET_ADMIN, and nothing mounted that it could write. */
export interface HelperSpec {
  readonly image: string
  /** The container whose pid namespace it joins. */
  readonly pid: string
  /** The container whose network namespace it joins; default: it has none of its own to speak of. */
  readonly network?: string
  /** Folder of the machine that shows network namespaces, and where to show it; then it may enter them (SYS_ADMIN). */
  readonly namespaces?: { readonly from: string; readonly at: string }
  readonly command: readonly [string, ...string[]]
  readonly labels: Readonly<Record<string, string>>
}

/** A helper at work. It ends, and is removed, when its input does. */
export interface RunningHelper extends AsyncDisposable {
  readonly id: string
  send(text: string): void
  /** What it says on its standard output, until it has ended. */
  readonly output: AsyncIterable<Buffer>
  /** The last 4 KiB that it said on its standard error. */
  complaint(): string
}

/**
 * A Docker engine, as far as the watcher uses it: the seam that tests replace. Each call is bounded in time and rejects
 * with GatewayError ENGINE_UNREACHABLE when the engine does not answer or refuses; `details.status` is its HTTP status then.
 */
export interface Engine {
  /** Events of containers with a label, from now on; ends when the connection does. */
  events(label: string, signal: AbortSignal): Promise<AsyncIterable<EngineEvent>>
  /** Ids of the containers with a label, in any state. */
  list(label: string): Promise<readonly string[]>
  /** Undefined when there is no such container. */
  inspect(id: string): Promise<ContainerFacts | undefined>
  /** Writes files, as a tar archive, below the container's root. */
  putFiles(id: string, tar: Uint8Array): Promise<void>
  startHelper(spec: HelperSpec): Promise<RunningHelper>
  /** Also when it runs, or is gone. */
  remove(id: string): Promise<void>
}

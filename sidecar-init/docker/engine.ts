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
  readonly shape: ContainerShape
  /** Where the container has mounts, for whoever wants to put files there. */
  readonly mountPoints: readonly string[]
}

/** Something that happened to a container. */
export interface EngineEvent {
  readonly action: 'create' | 'start' | 'die' | 'destroy'
  readonly id: string
}

/** A helper container to be made. */
export interface HelperSpec {
  readonly image: string
  /** The container whose network namespace it joins, and the one whose pid namespace. */
  readonly network: string
  readonly pid: string
  readonly command: readonly [string, ...string[]]
  readonly environment: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
}

/** All that a helper said. */
export interface HelperOutcome {
  readonly stdout: string
  readonly stderr: string
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
  createHelper(spec: HelperSpec): Promise<string>
  /** Starts a helper and listens until it has nothing more to say; `onOutput` is called for each piece of its output. */
  runHelper(id: string, onOutput: () => void, signal: AbortSignal): Promise<HelperOutcome>
  /** Also when it runs, or is gone. */
  remove(id: string): Promise<void>
}

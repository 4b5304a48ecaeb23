/** What of a container decides whether it could leave its wire, however its engine or file spells it. */
export interface ContainerShape {
  readonly privileged: boolean
  /** Capabilities beyond the engine's default, in any spelling. */
  readonly added: readonly string[]
  /** As engines write it: `none`, `host`, `bridge`, `container:ID`, `service:NAME`; empty for the default. */
  readonly networkMode: string
  readonly pidMode: string
  readonly ipcMode: string
  readonly userMode: string
  readonly mounts: readonly BindMount[]
  /** Paths of the machine's devices. */
  readonly devices: readonly string[]
  /** As of Linux's device cgroup: `c 10:200 rwm`. */
  readonly deviceRules: readonly string[]
  /** `seccomp=unconfined`, `systempaths=unconfined` … */
  readonly securityOptions: readonly string[]
}

/** A path of the machine that the container sees. */
export interface BindMount {
  readonly source: string
  readonly readOnly: boolean
}

/** A container with nothing but an engine's defaults and no network. */
export const plainShape: ContainerShape = {
  privileged: false,
  added: [],
  networkMode: 'none',
  pidMode: '',
  ipcMode: '',
  userMode: '',
  mounts: [],
  devices: [],
  deviceRules: [],
  securityOptions: [],
}

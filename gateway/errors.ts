/**
 * Every way the gateway fails on purpose. A code is API: logs, the report and docs/errors.md name it.
 * A refused flow is not an error: it is a `Decision`.
 */
export type ErrorCode =
  // configuration and arguments
  | 'USAGE'
  | 'POLICY_INVALID'
  | 'POLICY_UNREADABLE'
  | 'CONFIG_INVALID'
  | 'LOG_INVALID'
  | 'LOCK_INVALID'
  | 'SOURCE_UNREADABLE'
  // the machine
  | 'NOT_ROOT'
  | 'TOOL_MISSING'
  | 'NO_RESOLVER'
  | 'PORT_IN_USE'
  | 'NFT_REJECTED'
  | 'LINK_FAILED'
  | 'SOCKET_FAILED'
  | 'LAUNCH_FAILED'
  | 'WIRE_NOT_PROVED'
  | 'OUT_UNWRITABLE'
  | 'SYSCTL_NEEDED'
  | 'STEERING_UNSUPPORTED'
  | 'COMMAND_NOT_FOUND'
  | 'COMMAND_NOT_EXECUTABLE'
  // jobs of a gateway that serves many
  | 'JOB_EXISTS'
  | 'JOB_UNKNOWN'
  | 'JOB_CLAIMED'
  | 'JOB_NOT_ALLOWED'
  | 'POLICY_UNKNOWN'
  | 'REQUEST_INVALID'
  | 'GATEWAY_STOPPING'
  // containers
  | 'CAPABILITY_MISSING'
  | 'NETWORK_PRESENT'
  | 'GATEWAY_UNREACHABLE'
  | 'GATEWAY_REFUSED'
  | 'GATE_CLOSED'
  | 'CONTAINER_UNSAFE'
  | 'ENGINE_UNREACHABLE'
  // one flow
  | 'UPSTREAM_UNREACHABLE'
  | 'UPSTREAM_TIMEOUT'
  | 'UPSTREAM_CERTIFICATE'
  | 'UPSTREAM_TLS'
  | 'UPSTREAM_PROTOCOL'
  | 'UPSTREAM_TRUNCATED'
  | 'UPSTREAM_DNS'
  | 'CLIENT_REFUSED_CA'
  | 'CLIENT_TLS'
  | 'CLIENT_TIMEOUT'
  | 'CLIENT_ABORTED'
  | 'LIMIT_REACHED'
  | 'JOB_LIMIT'
  | 'POLICY_CHANGED'
  | 'LOG_WRITE_FAILED'

/** The one error class. `details` holds facts for the log line: never a secret, never a body. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    code: ErrorCode,
    message: string,
    options: ErrorOptions & { readonly details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options)
    this.code = code
    this.details = options.details ?? {}
  }
}

/** Why a file could not be read or written, for the end of a sentence: in words where we have them, else as Node says it. */
export function fileFault(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
  return fileFaults[code] ?? cause.message
}

const fileFaults: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is no folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
}

/** Fails the type check when a union gains a member that a `switch` does not handle. */
export function unreachable(value: never): never {
  throw new Error(`unhandled case: ${JSON.stringify(value)}`)
}

import type { ErrorCode } from '../errors.ts'

/** What an error code means and what to do about it; docs/errors.md is this table. */
export interface ErrorText {
  readonly means: string
  readonly remedy: string
}

/** Complete by type: a new code breaks the build here. */
export const errorText: Readonly<Record<ErrorCode, ErrorText>> = {
  USAGE: { means: 'an argument is unknown, missing or out of range', remedy: "see the command's `--help`" },
  POLICY_INVALID: {
    means: 'the policy has faults',
    remedy: 'each is named with line, column and the right form; `tidegate check` lists them all',
  },
  POLICY_UNREADABLE: { means: 'a policy file cannot be read', remedy: 'check the path and its permissions' },
  CONFIG_INVALID: {
    means: 'the configuration of `serve` has faults, or a file that the policy names cannot be used',
    remedy: 'the message names them; `tls.extraCa` takes PEM files with certificates',
  },
  LOG_INVALID: {
    means: 'a file is not a log of this version, or a line of it cannot be read',
    remedy: '`tidegate verify` names the line; compare with the copy the job uploaded',
  },
  SOURCE_UNREADABLE: {
    means: 'a git repository, or a source archive, cannot be read, or is not what it says',
    remedy: 'the message names the object or entry; a shallow clone is enough, a partial one needs its trees',
  },
  LOCK_INVALID: {
    means: 'the baseline (`egress.lock`) has faults, cannot be read, or does not know the job that is to be held to it',
    remedy: 'each fault is named with line and column; `tidegate lock update LOG…` makes a lock: docs/baseline.md',
  },
  NOT_ROOT: {
    means: 'laying the wire needs root',
    remedy: 'run as root; in a container it needs NET_ADMIN, NET_RAW, SYS_ADMIN and SETPCAP',
  },
  TOOL_MISSING: {
    means: 'a program the gateway needs is not installed',
    remedy: 'the message names the Debian packages',
  },
  NO_RESOLVER: { means: 'the machine names no DNS server', remedy: 'check `/etc/resolv.conf` of the machine' },
  PORT_IN_USE: {
    means: 'a port the gateway listens on is taken',
    remedy: 'end the other program, or give `--metrics` another port',
  },
  NFT_REJECTED: {
    means: 'the kernel refused the packet filter',
    remedy: 'the message is nft’s; a kernel without nf_tables, its sets and NAT cannot protect a job',
  },
  LINK_FAILED: {
    means: 'the wire could not be laid',
    remedy: 'the message is the kernel’s; check NET_ADMIN and leftovers of a killed run',
  },
  SOCKET_FAILED: {
    means: 'a socket could not be opened or made transparent',
    remedy: 'check NET_ADMIN and the limits on open files',
  },
  WIRE_NOT_PROVED: {
    means: 'the probe from the job did not reach the gateway, or got out beside it',
    remedy: 'the build is not started; the message says which of the two',
  },
  OUT_UNWRITABLE: {
    means: 'the output directory cannot be written',
    remedy: 'check `--out`, its permissions and the disk',
  },
  LAUNCH_FAILED: {
    means: 'the command’s namespaces or its first process could not be started',
    remedy: 'the message is the kernel’s; the build did not run',
  },
  SYSCTL_NEEDED: {
    means: 'settings of the kernel are not what the wire needs, and may not be written from in here',
    remedy: 'add the lines that the message names under `sysctls:` of the gateway’s service',
  },
  STEERING_UNSUPPORTED: {
    means: 'the policy has `udp://` rules, and this kernel (no TPROXY) cannot carry them',
    remedy: 'load the kernel module nft_tproxy, or take the rules out; DNS needs none',
  },
  JOB_EXISTS: {
    means: 'the job, or its network namespace, has a wire already',
    remedy: 'one init per job; end the job (`detach`) before it is attached anew',
  },
  JOB_UNKNOWN: { means: 'there is no such job at this gateway', remedy: 'it has ended, or was never attached' },
  JOB_CLAIMED: {
    means: 'the job was claimed before',
    remedy: 'a job is claimed once; the message says by whom and when: expected, or someone was there first',
  },
  JOB_NOT_ALLOWED: {
    means: 'the configuration has no entry that admits the job, or not with that policy',
    remedy: 'name it under `jobs`, or a pattern; who asks for a policy needs an entry without one',
  },
  POLICY_UNKNOWN: {
    means: 'there is no policy of the name that was asked for',
    remedy: '`policyFolder` holds NAME.yaml; new files count after SIGHUP',
  },
  REQUEST_INVALID: {
    means: 'a request on the control socket is not one',
    remedy: 'init and gateway must be of the same version',
  },
  GATEWAY_STOPPING: { means: 'the gateway takes no more jobs, for it is ending', remedy: 'start it again' },
  COMMAND_NOT_FOUND: { means: 'the command to run does not exist', remedy: 'check the name and PATH; exit code 127' },
  COMMAND_NOT_EXECUTABLE: { means: 'the command to run is not executable', remedy: 'check its mode; exit code 126' },
  CAPABILITY_MISSING: {
    means: 'the gateway or the init step may not change the network it is in',
    remedy: 'give its service `cap_add: [NET_ADMIN]`; neither needs another capability',
  },
  NETWORK_PRESENT: {
    means: 'the job’s network namespace has a network already',
    remedy: 'start the container with `network_mode: none` and one init; the wire must be its only interface',
  },
  GATEWAY_UNREACHABLE: {
    means: 'nobody answers on the gateway’s control socket',
    remedy: 'start the gateway first, and mount its control volume into the init (and nowhere else)',
  },
  GATEWAY_REFUSED: {
    means: 'the gateway does not take the job',
    remedy: 'the message is the gateway’s, with its code',
  },
  GATE_CLOSED: {
    means: 'the wire was not proved in time, so the build was not started',
    remedy: 'the init’s and the gateway’s own logs say why; `--timeout` sets how long the gate waits',
  },
  CONTAINER_UNSAFE: {
    means: 'the container holds what it could leave the wire with',
    remedy: 'the message names it: a capability, a namespace of the host, a device or an engine’s socket',
  },
  ENGINE_UNREACHABLE: {
    means: 'the Docker engine does not answer',
    remedy: 'mount its socket into the watcher (and nowhere else); the watcher tries again by itself',
  },
  UPSTREAM_UNREACHABLE: {
    means: 'no address of the origin took the connection',
    remedy: 'the origin or the way to it is down; the gateway refused nothing',
  },
  UPSTREAM_TIMEOUT: { means: 'the origin did not answer in time', remedy: 'as above' },
  UPSTREAM_CERTIFICATE: {
    means: 'the origin’s certificate is not valid for the name',
    remedy: 'a private authority belongs into `tls.extraCa`; otherwise do not trust the origin',
  },
  UPSTREAM_TLS: {
    means: 'the TLS handshake with the origin failed',
    remedy: 'the origin may need a client certificate or an old protocol: consider a `tls://` rule',
  },
  UPSTREAM_PROTOCOL: { means: 'the origin’s answer is not well-formed', remedy: 'see the origin’s own log' },
  UPSTREAM_TRUNCATED: {
    means: 'the origin ended before its answer was complete',
    remedy: 'the client saw the same; try again',
  },
  UPSTREAM_DNS: { means: 'the name could not be resolved', remedy: 'check the name and the resolver the gateway uses' },
  CLIENT_REFUSED_CA: {
    means: 'the client does not trust the job’s certificate authority',
    remedy: 'give it the bundle in `/run/tidegate/`, or a `tls://` rule if it pins certificates',
  },
  CLIENT_TLS: {
    means: 'the TLS handshake with the client failed',
    remedy: 'the client speaks no TLS 1.2 or 1.3 that we know',
  },
  CLIENT_TIMEOUT: {
    means: 'the client did not send its request in time',
    remedy: 'none, unless a build waits on purpose',
  },
  CLIENT_ABORTED: {
    means: 'the client closed before the answer was complete',
    remedy:
      'none; the build gave up. On a `tls` line: some clients leave without a word when they do not trust our certificate, see docs/trust.md',
  },
  LIMIT_REACHED: {
    means: 'a bound of the gateway was reached',
    remedy: 'docs/dns.md, docs/door.md and docs/http.md list the limits; a build that meets one is most likely a flood',
  },
  JOB_LIMIT: {
    means: 'the job has, or asks for, more at once than one job may',
    remedy: 'docs/configuration.md lists the limits of a job; they keep one job from starving the others',
  },
  POLICY_CHANGED: {
    means: 'the flow was open when the policy changed, and the new policy refuses it: it was cut',
    remedy: '`rule` and `reason` are those of the new policy; the bytes are what was carried before',
  },
  LOG_WRITE_FAILED: {
    means: 'the log could not be written, or has reached `limits.logMiB`',
    remedy: 'make room, or raise the limit; `onLogFailure: deny` stops new flows meanwhile',
  },
}

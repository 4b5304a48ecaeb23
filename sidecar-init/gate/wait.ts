import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { forbiddenIn } from '../../gateway/container/capabilities.ts'
import { engineSockets } from '../../gateway/container/engine-sockets.ts'
import { unsafeCapability } from '../../gateway/container/gate-script.ts'
import { fileFault, GatewayError } from '../../gateway/errors.ts'
import { jobDevice } from '../../gateway/packet/job-device.ts'
import { parseStatus } from '../capabilities.ts'
import { boundPaths } from '../doors.ts'

/** Where the job's own files are, and how long to wait for the wire. */
export interface GateOptions {
  /** The job's folder, as the container sees it. */
  readonly folder: string
  readonly timeoutMs: number
}

/**
 * Resolves when the wire of the container this process is in stands and is proved.
 * @throws GatewayError CONTAINER_UNSAFE when what runs here could leave it, GATE_CLOSED when the wire does not come in time
 */
export async function passGate({ folder, timeoutMs }: GateOptions, signal: AbortSignal): Promise<void> {
  refuseUnsafe(readFileSync('/proc/thread-self/status', 'latin1'))
  refuseEngine(readFileSync('/proc/thread-self/net/unix', 'latin1'))
  const late = AbortSignal.timeout(timeoutMs)
  while (!isProved(folder)) {
    if (signal.aborted)
      throw new GatewayError('GATE_CLOSED', 'stopped before the wire was proved: the build is not started')
    if (late.aborted) {
      throw new GatewayError(
        'GATE_CLOSED',
        `the wire was not proved within ${timeoutMs / 1_000} s, so the build is not started; see the log of the gateway and of its init`,
        { details: { folder } },
      )
    }
    await delay(20)
  }
}

/**
 * The environment with the trust variables of the job's folder; JAVA_TOOL_OPTIONS is added to.
 * @throws GatewayError GATE_CLOSED when the folder's `env.json` is none
 */
export function withTrust(
  folder: string,
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  const file = `${folder}/env.json`
  if (!existsSync(file)) return environment
  const own = environment['JAVA_TOOL_OPTIONS'] ?? ''
  const changes = Object.entries(readChanges(file)).map(([name, value]) => {
    const merged = name === 'JAVA_TOOL_OPTIONS' && own !== '' ? `${own} ${value ?? ''}` : value
    return [name, merged ?? undefined]
  })
  return { ...environment, ...Object.fromEntries(changes) }
}

function readChanges(file: string): Readonly<Record<string, string | null>> {
  try {
    const raw: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof raw !== 'object' || raw === null) throw new TypeError('it is no object')
    return Object.fromEntries(
      Object.entries(raw).map(([name, value]: [string, unknown]) => [name, typeof value === 'string' ? value : null]),
    )
  } catch (cause) {
    throw new GatewayError('GATE_CLOSED', `${file} cannot be read: ${fileFault(cause)}`, { cause })
  }
}

function refuseUnsafe(status: string): void {
  const sets = parseStatus(status)?.capabilities
  if (sets === undefined) {
    throw new GatewayError('CONTAINER_UNSAFE', 'cannot read the capabilities of this container in /proc/self/status')
  }
  const [held] = forbiddenIn(sets.CapBnd | sets.CapPrm | sets.CapEff)
  if (held === undefined) return
  throw new GatewayError('CONTAINER_UNSAFE', unsafeCapability(held), { details: { capability: held } })
}

/** An engine that runs in this network namespace is on our side of the wire, and what it starts crosses it. */
function refuseEngine(unixSockets: string): void {
  const here = new Set(boundPaths(unixSockets).map(path => basename(path)))
  const socket = engineSockets.find(path => isSocket(path) && !here.has(basename(path)))
  if (socket === undefined) return
  throw new GatewayError(
    'CONTAINER_UNSAFE',
    `this container sees an engine’s socket, ${socket}: start it without (compose: no such volume)`,
    { details: { socket } },
  )
}

/** The file tells the wire it speaks of: one that an earlier wire left opens nothing. */
function isProved(folder: string): boolean {
  const [proved, mine] = [`${folder}/ready`, `/sys/class/net/${jobDevice}/address`].map(readIfThere)
  return proved !== undefined && proved !== '' && proved === mine
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1').trim()
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'ENOENT' || code === 'EINVAL' || code === 'ENODEV') return undefined
    throw new GatewayError('GATE_CLOSED', `${file} cannot be read: ${fileFault(cause)}`, { cause })
  }
}

function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false
}

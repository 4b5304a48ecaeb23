import { attachReply, maxWaitMs, plainReply, type WirePlan } from '../../gateway/control/protocol.ts'
import { type Control, refused } from '../control.ts'
import type { Candidate } from './candidate.ts'
import type { ContainerFacts, Engine } from './engine.ts'
import { jobFolder, readJobFiles } from './files.ts'
import type { Helpers } from './helper-pool.ts'
import { renderTar, type TarFile } from './tar.ts'

/** How long the gateway may take for one answer. */
const askMs = 30_000

/** What a wire is made with. */
export interface WiringOptions {
  readonly engine: Engine
  readonly helpers: Helpers
  readonly openControl: (signal: AbortSignal) => Promise<Control>
  /** Told of what the build will miss, though its wire stands. */
  readonly onTrouble: (message: string) => void
  readonly now: () => number
  readonly signal: AbortSignal
}

/** How long it took from the moment it was asked for, milliseconds. */
export interface LinkTimes {
  readonly laidMs: number
  readonly provedMs: number
}

/** A wire that is prepared: the gateway's side is there, and waits for the container's start. Disposing gives it up, unless it is proved. */
export interface Wiring extends AsyncDisposable {
  readonly job: string
  readonly device: string
  /** The gateway has given it up. */
  readonly isOver: boolean
  /** Lays and proves it; the container runs, and is as told. @throws GatewayError WIRE_NOT_PROVED, GATEWAY_REFUSED, GATEWAY_UNREACHABLE, ENGINE_UNREACHABLE */
  link(running: ContainerFacts): Promise<LinkTimes>
}

/**
 * Prepares a container's wire, and puts the job's files into it, whose authority exists from now on.
 * @throws GatewayError GATEWAY_REFUSED, GATEWAY_UNREACHABLE, ENGINE_UNREACHABLE; then nothing is left
 */
export async function openWiring(
  options: WiringOptions,
  container: ContainerFacts,
  wanted: Candidate,
  gateway: ContainerFacts,
): Promise<Wiring> {
  const { helpers, openControl, now, signal } = options
  await using opening = new AsyncDisposableStack()
  const control = opening.use(await openControl(signal))
  const limits = { timeoutMs: askMs, signal }
  const request = { op: 'attach', ...wanted, container: container.id, waitMs: maxWaitMs } as const
  const reply = await control.ask(request, attachReply, limits)
  if (!reply.ok) throw refused(reply)
  const { plan, runDirectory } = reply
  const putting = putFiles(options, container, () => (runDirectory === undefined ? [] : readJobFiles(runDirectory)))
  opening.defer(() => putting)
  const { job } = wanted
  const owned = opening.move()
  return {
    job,
    device: plan.device,
    get isOver() {
      return control.closed.aborted
    },
    async link(running) {
      const since = now()
      let laidMs = 0
      const onLaid = (): void => void (laidMs = Math.round(now() - since))
      const task = { plan, container: running, gateway, onLaid }
      const checks = await helpers.lay(task, AbortSignal.any([signal, control.closed]))
      const proved = await control.ask({ op: 'proved', job, checks: [...checks] }, plainReply, limits)
      if (!proved.ok) throw refused(proved)
      const provedMs = Math.round(now() - since)
      await putting
      if (runDirectory !== undefined) await putFiles(options, container, () => [readyFile(plan)])
      return { laidMs, provedMs }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function readyFile({ jobMac }: WirePlan): TarFile {
  return { name: 'ready', mode: 0o644, content: Buffer.from(`${jobMac}\n`) }
}

/** Puts files where the container looks for them, unless it has mounted the job's folder itself. */
async function putFiles(
  { engine, onTrouble }: WiringOptions,
  { id, mountPoints }: ContainerFacts,
  read: () => readonly TarFile[],
): Promise<void> {
  if (mountPoints.includes(`/${jobFolder}`)) return
  try {
    const hidden = mountPoints.find(point => `/${jobFolder}/`.startsWith(`${point.replace(/\/$/, '')}/`))
    if (hidden !== undefined) throw new Error(`its ${hidden} is a file system of its own`)
    const files = read()
    if (files.length > 0) await engine.putFiles(id, renderTar(jobFolder, files))
  } catch (cause) {
    // The wire is what protects; a build that does not trust the gateway fails by itself, and says so.
    const why = cause instanceof Error ? cause.message : String(cause)
    onTrouble(`its trust files cannot be put into it: ${why} (mount the job’s folder at /${jobFolder})`)
  }
}

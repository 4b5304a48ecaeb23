import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { z } from 'zod'
import { type controlRequest, plainReply, statusReply } from '../../gateway/control/protocol.ts'
import { openControl } from '../../sidecar-init/control.ts'
import { interfacesIn } from '../../sidecar-init/job-network.ts'
import type { Lab } from '../lab/lab.ts'
import { runChecked } from '../lab/program.ts'
import { openProject, type ComposeProject, type ProjectFiles } from './compose-project.ts'
import type { Engine } from './engine/engine.ts'

/** What there is of a job's wire, as the machine sees it: no program in a container is asked. */
export interface WireState {
  /** Names and states of the gateway's jobs. */
  readonly jobs: readonly string[]
  /** Interfaces in the job's network namespace. */
  readonly job: readonly string[]
  /** Interfaces in the gateway's; every end of a wire is `tg`. */
  readonly gateway: readonly string[]
  /** Tables of the packet filter and rules of the routing in the gateway's network namespace; how many of each. */
  readonly tables: number
  readonly rules: number
  /** Is the job's gate open? */
  readonly ready: boolean
}

/** A project with one job, `build`, looked at from outside. Disposing takes it down. */
export interface JobRig extends AsyncDisposable {
  readonly project: ComposeProject
  /** `docker compose …` that must succeed; what it printed. */
  compose(...args: readonly string[]): Promise<string>
  /** Brings the job's wire up, by whatever is missing for it. */
  up(): Promise<void>
  /** Id of a service's container. */
  id(service: string): Promise<string>
  /** A file as the gateway's container has it. */
  inGateway(path: string): Promise<string>
  state(): Promise<WireState>
  /** The same, once: it fails while a container restarts. */
  look(): Promise<WireState>
  /** Waits until the wire is in one of these states; the state it is in, also when none of them comes. */
  settled(...wanted: readonly WireState[]): Promise<WireState>
  /** The status of a request that the build makes; 000 when there is none. */
  fetch(url: string): Promise<string>
  detach(): Promise<void>
}

/** How long something is waited for that must come, on a machine that is busy. */
export const patienceMs = 60_000

/** Opens the project; nothing of it is started. The build's image must have curl. */
export function openJobRig(lab: Lab, engine: Engine, name: string, files: ProjectFiles): JobRig {
  const project = openProject(lab, engine, name, files)
  const compose: JobRig['compose'] = async (...args) => {
    const { exitCode, stdout, stderr } = await project.compose(args)
    if (exitCode !== 0) throw new Error(`docker compose ${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const id: JobRig['id'] = async service => (await compose('ps', '--all', '--quiet', '--no-trunc', service)).trim()
  const pidOf = async (service: string): Promise<number> => {
    const [first] = processesOf(await id(service))
    if (first === undefined) throw new Error(`the service ${service} does not run`)
    return first
  }
  const ask = async <Reply>(request: z.input<typeof controlRequest>, reply: z.ZodType<Reply>): Promise<Reply> => {
    const path = `/proc/${await pidOf('gateway')}/root/run/tidegate-control/gateway.sock`
    const signal = AbortSignal.timeout(patienceMs)
    using control = await openControl(path, signal)
    // Awaited here: the connection ends with this block.
    return await control.ask(request, reply, { timeoutMs: patienceMs, signal })
  }
  const rig: JobRig = {
    project,
    compose,
    id,
    async up() {
      await compose('up', '--detach', '--wait', 'init')
    },
    inGateway: async path => `/proc/${await pidOf('gateway')}/root${path}`,
    async state() {
      for (const deadline = Date.now() + patienceMs; ; await delay(50)) {
        try {
          return await rig.look()
        } catch (cause) {
          // A container that restarts has no process, or one that is gone before it was asked.
          if (Date.now() > deadline) throw cause
        }
      }
    },
    async look() {
      const [job, gateway] = await Promise.all([pidOf('net'), pidOf('gateway')])
      const status = await ask({ op: 'status' }, statusReply)
      const inside = ['--target', `${gateway}`, '--net']
      const [tables, rules] = await Promise.all([
        runChecked('nsenter', [...inside, 'nft', 'list', 'tables']),
        runChecked('nsenter', [...inside, 'ip', 'rule']),
      ])
      return {
        jobs: status.ok ? status.jobs.map(each => `${each.job} ${each.state}`) : [status.error],
        job: interfacesOf(job),
        gateway: interfacesOf(gateway).map(each => (each.startsWith('tg') ? 'tg' : each)),
        tables: countLines(tables.stdout),
        rules: countLines(rules.stdout),
        ready: existsSync(`/proc/${gateway}/root/run/tidegate/jobs/build/ready`),
      }
    },
    async settled(...wanted) {
      for (const deadline = Date.now() + patienceMs; ; await delay(50)) {
        const isLast = Date.now() > deadline
        try {
          const state = await rig.look()
          if (isLast || wanted.some(each => isDeepStrictEqual(each, state))) return state
        } catch (cause) {
          // A container that restarts has no process, or one that is gone before it was asked.
          if (isLast) throw cause
        }
      }
    },
    async fetch(url) {
      const curl = ['curl', '-s', '-m', '20', '-o', '/dev/null', '-w', '%{http_code}', url]
      const { stdout } = await project.compose(['exec', '--no-TTY', 'build', ...curl])
      return stdout
    },
    async detach() {
      const reply = await ask({ op: 'detach', job: 'build' }, plainReply)
      if (!reply.ok) throw new Error(reply.error)
    },
    [Symbol.asyncDispose]: async () => project[Symbol.asyncDispose](),
  }
  return rig
}

/** A container's processes, as this machine counts them, oldest first; none when it does not run. */
export function processesOf(container: string): readonly number[] {
  if (container === '') return []
  return (
    readdirSync('/proc')
      .filter(name => /^\d+$/.test(name) && quietly(`/proc/${name}/cgroup`).includes(container))
      // One that has ended, and whose parent has not asked how, is none.
      .filter(name => !/\) Z /.test(quietly(`/proc/${name}/stat`)))
      .map(Number)
      .toSorted((a, b) => a - b)
  )
}

/**
 * Kills a container's first process, and whichever is the first then, until none is left. What it had started is not told:
 * it may go on for a moment, as it does when a machine runs out of memory.
 */
export async function killFirst(container: string): Promise<void> {
  for (let pid = processesOf(container)[0]; pid !== undefined; [pid] = processesOf(container)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (cause) {
      const hasEnded = cause instanceof Error && 'code' in cause && cause.code === 'ESRCH'
      if (!hasEnded) throw cause
    }
    await turn()
  }
}

/** Interfaces in the network namespace of a process. */
export function interfacesOf(pid: number): readonly string[] {
  return interfacesIn(quietly(`/proc/${pid}/net/dev`)).toSorted()
}

function quietly(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    // The process has ended.
    return ''
  }
}

function countLines(text: string): number {
  return text.split('\n').filter(line => line !== '').length
}

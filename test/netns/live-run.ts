import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { mkdirSync, writeFileSync } from 'node:fs'
import { tidegate, type Behind } from '../e2e/behind.ts'
import type { Line } from '../e2e/record-check.ts'
import type { Lab } from '../lab/lab.ts'
import { until } from './machine-services.ts'

/** A `tidegate run` that goes on. */
export interface LiveRun {
  /** The gateway's process. */
  readonly pid: number
  /** A folder for the job, `$WORK` there. */
  readonly work: string
  readonly out: string
  kill(signal: NodeJS.Signals): void
  /** Ends with the run; what it said on its standard output and error. */
  readonly ended: Promise<{
    readonly code: number | null
    readonly signal: string | null
    readonly stdout: string
    readonly stderr: string
  }>
  /** Waits until the job has made this file in its folder. */
  made(name: string): Promise<void>
  read(name: string): string
  /** Processes of the job and of its gateway, as this machine numbers them, that are still there. */
  processes(): readonly number[]
  lines(): readonly Line[]
}

let runs = 0

/** Starts a job in a shell on the lab's host; it goes on until it ends, is ended, or the lab goes. */
export function startRun(lab: Lab, { policy, command, options = [], env = {} }: Behind): LiveRun {
  runs += 1
  const work = lab.file(`live-${runs}`)
  const out = `${work}/out`
  mkdirSync(work)
  writeFileSync(`${work}/policy.yaml`, policy)
  const mark = `TIDEGATE_TEST_RUN=${lab.id}-${runs}`
  const child = lab.host.spawn(
    tidegate,
    ['run', '--policy', `${work}/policy.yaml`, '--out', out, ...options, '--', ...command],
    {
      cwd: work,
      env: { ...env, WORK: work, TIDEGATE_TEST_RUN: `${lab.id}-${runs}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const { pid, stdout, stderr } = child
  if (pid === undefined || stdout === null || stderr === null) throw new Error('tidegate cannot be started')
  const ended = Promise.all([once(child, 'exit'), text(stdout), text(stderr)]).then(([, said, complained]) => ({
    code: child.exitCode,
    signal: child.signalCode,
    stdout: said,
    stderr: complained,
  }))
  let isOver = false
  void ended.then(() => (isOver = true))
  return {
    pid,
    work,
    out,
    kill: signal => void process.kill(pid, signal),
    ended,
    async made(name) {
      await until(() => existsSync(`${work}/${name}`) || isOver)
      if (!existsSync(`${work}/${name}`)) throw new Error(`the run ended before ${name}: ${(await ended).stderr}`)
    },
    read: name => readFileSync(`${work}/${name}`, 'utf8'),
    processes: () => pids().filter(it => environmentOf(it).includes(mark)),
    lines: () =>
      readFileSync(`${out}/egress.ndjson`, 'utf8')
        .trim()
        .split('\n')
        .map((line): Line => JSON.parse(line)),
  }
}

/** A process in the job's network namespace, by the file in which the job wrote its `readlink /proc/self/ns/net`. */
export function processInside(run: LiveRun, file: string): number {
  const namespace = run.read(file).trim()
  const found = pids().find(pid => linkOf(`/proc/${pid}/ns/net`) === namespace)
  if (found === undefined) throw new Error(`nobody is in ${namespace}`)
  return found
}

/** What gateways leave in the network namespace of the host: devices, tables, rules, routes. Empty is good. */
export async function networkLeftovers(lab: Lab): Promise<string> {
  const look = [
    'nft list tables | grep tidegate',
    'ip rule | grep -v "lookup [lmd]"',
    'ip -br link | grep ^tg',
    'ip route show table all | grep -e "198[.]1[89][.]" -e "local default dev lo"',
  ]
  return (await lab.host.exec('sh', ['-c', look.join('; ')])).stdout
}

function pids(): readonly number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger)
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1')
  } catch {
    // It has ended meanwhile.
    return ''
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

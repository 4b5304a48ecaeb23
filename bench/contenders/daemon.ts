import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { familyOf } from '../rig/process-tree.ts'
import { cores, type Rig } from '../rig/rig.ts'
import { Shell } from '../rig/shell.ts'
import { enterTurns, giveTurn } from '../rig/turns.ts'
import type { Running } from './contender.ts'

/** How a peer is started on the host. */
export interface DaemonOptions {
  readonly name: string
  readonly file: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Where it serves; it is ready when this says so. */
  readonly serves: { readonly tls: number } | { readonly dns: number }
  /** The authority whose certificates it shows; default the lab's. */
  readonly caPath?: string
}

/** Starts a peer in the foreground, on the gateway's core, and waits until it serves. */
export async function openDaemon(rig: Rig, options: DaemonOptions): Promise<Running> {
  const { name, file, args, env = {}, serves, caPath = rig.lab.ca.certPath } = options
  const child = rig.lab.host.spawn('taskset', ['-c', cores.gateway, file, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  const listen = (text: string): void => void (said = (said + text).slice(-4_096))
  child.stdout?.setEncoding('utf8').on('data', listen)
  child.stderr?.setEncoding('utf8').on('data', listen)
  const ended = once(child, 'close')
  const turns = enterTurns(child.pid)
  await using opening = new AsyncDisposableStack()
  opening.defer(async () => {
    turns.leave()
    const family = familyOf(child.pid ?? 0)
    child.kill('SIGTERM')
    const patience = setTimeout(() => family.forEach(kill), 3_000)
    await ended
    clearTimeout(patience)
    // Helpers that outlive what started them.
    family.slice(1).forEach(kill)
  })
  const isServing = 'tls' in serves ? `ss -Hltn sport = :${serves.tls}` : `ss -Hlun sport = :${serves.dns}`
  for (let triesLeft = 400; (await rig.host.run(isServing)).output.trim() === ''; triesLeft -= 1) {
    if (triesLeft === 0 || child.exitCode !== null) throw new Error(`${name} did not start: ${said}`)
    await delay(25)
  }
  const owned = opening.move()
  return {
    name,
    pid: child.pid,
    shell: rig.load,
    async takeTurn() {
      giveTurn(child.pid)
      await rig.steer(serves)
      await rig.load.run(`export CURL_CA_BUNDLE=${caPath}`)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** What a program says of its version: the first line that has a number with a dot in it. */
export async function versionOf(file: string, ...args: readonly string[]): Promise<string> {
  const { runProgram } = await import('../../test/lab/program.ts')
  const { stdout, stderr } = await runProgram(file, args, { env: { PATH: process.env['PATH'] ?? '' } })
  return /\d+\.\d+[\w.+~-]*/.exec(stdout + stderr)?.[0] ?? 'unknown'
}

/** For contenders without processes of their own. */
export function runningWithout(name: string, shell: Shell, caPath: string): Running {
  return {
    name,
    pid: undefined,
    shell,
    async takeTurn() {
      giveTurn(undefined)
      await shell.run(`export CURL_CA_BUNDLE=${caPath}`)
    },
    async [Symbol.asyncDispose]() {
      // Nothing was started.
    },
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import type { Namespace } from '../../lab/namespace.ts'
import { runProgram, type Finished } from '../../lab/program.ts'

/**
 * A machine within the machine: the lab host's network, processes and mounts of its own. Whoever kills its first process ends
 * every container in it; no mount of it is ever seen outside.
 */
export interface Room extends AsyncDisposable {
  /** Pid 1 of the room, as the machine counts. */
  readonly firstPid: number
  /** Runs a program in the room to its end. */
  exec(args: readonly string[], timeoutMs?: number): Promise<Finished>
  /** Starts a program in the room; it ends with the room at the latest. `output` is a file descriptor for what it says. */
  spawn(args: readonly string[], output: number): ChildProcess
}

/** What the first process does: its own resolver, its own /run (locks, sockets, plugins of no other engine), then nothing. */
const prepare = `
mount --bind "$1" /etc/resolv.conf
mount -t tmpfs -o mode=755 room /run
mount "--make-$2" /run
echo ready
exec tini -- sleep infinity
`

/**
 * Opens a room in the network of `host`. It ends with this process, even when that is killed. What is mounted in its /run may be
 * `shared` with containers, as on every machine with systemd, or `private` to the engine.
 */
export async function openRoom(
  host: Namespace,
  env: Readonly<Record<string, string>>,
  mounts: 'shared' | 'private' = 'shared',
): Promise<Room> {
  // Not `ip netns exec`: it mounts a bare /sys, and with it the control groups would be gone.
  const network = `--net=/run/netns/${host.name}`
  const holder = spawn(
    'setpriv',
    [
      ['--pdeathsig=KILL', 'nsenter', network],
      ['unshare', '--mount', '--propagation=slave', '--pid', '--fork', '--kill-child', '--mount-proc'],
      ['sh', '-ec', prepare, 'sh', `/etc/netns/${host.name}/resolv.conf`, mounts],
    ].flat(),
    { env, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = once(holder, 'exit')
  const ready = await Promise.race([once(holder.stdout, 'data'), ended.then(() => undefined)])
  if (ready === undefined || holder.pid === undefined) throw new Error('the engine has no room: see standard error')
  const firstPid = onlyChildOf(holder.pid)
  const enter = [`--pid=/proc/${firstPid}/ns/pid`, `--mount=/proc/${firstPid}/ns/mnt`, network]
  return {
    firstPid,
    exec: async (args, timeoutMs = 30_000) => runProgram('nsenter', [...enter, ...args], { env, timeoutMs }),
    spawn: (args, output) => spawn('nsenter', [...enter, ...args], { env, stdio: ['ignore', output, output] }),
    async [Symbol.asyncDispose]() {
      process.kill(holder.pid ?? 0, 'SIGKILL')
      await ended
    },
  }
}

/** The process that `unshare` has forked. */
function onlyChildOf(parent: number): number {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const stat = readStat(entry)
    if (stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] === `${parent}`) return Number(entry)
  }
  throw new Error(`process ${parent} has no child`)
}

function readStat(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    // It ended while we looked.
    return ''
  }
}

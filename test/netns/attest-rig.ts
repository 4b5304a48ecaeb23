import { once } from 'node:events'
import { boundingSet } from '../../sidecar-init/capabilities.ts'
import { tidegate } from '../e2e/behind.ts'
import type { Lab } from '../lab/lab.ts'
import { until } from './machine-services.ts'

/** Lines of a TAP document that begin a test point. */
export interface Points {
  readonly planned: number
  /** Ids of docs/threat-model.md, one for each point. */
  readonly held: readonly string[]
  readonly broken: readonly string[]
  readonly skipped: readonly string[]
}

/** Reads what `tidegate attest` printed; every line must be one that TAP 14 knows. */
export function readTap(text: string): Points {
  const [version, ...lines] = text.trimEnd().split('\n')
  if (version !== 'TAP version 14') throw new Error(`no TAP: ${text}`)
  const unknown = lines.filter(line => !/^(?:(?:not )?ok \d+ - |1\.\.\d+$|# | {2}(?:---|\.\.\.|[a-z]+: "))/.test(line))
  if (unknown.length > 0) throw new Error(`no line of TAP: ${unknown.join('\n')}`)
  const points = lines.flatMap(line => {
    const [, not, id, rest] = /^(not )?ok \d+ - ([A-Z]\d+): (.*)$/.exec(line) ?? []
    if (id === undefined || rest === undefined) return []
    return [{ id, kind: not === undefined ? (rest.includes(' # SKIP ') ? 'skipped' : 'held') : 'broken' }]
  })
  const of = (kind: string): readonly string[] => points.filter(point => point.kind === kind).map(({ id }) => id)
  const planned = Number(lines.find(line => line.startsWith('1..'))?.slice(3))
  return { planned, held: of('held'), broken: of('broken'), skipped: of('skipped') }
}

/** Runs `tidegate attest` in a container's network and mounts, with processes of its own and an engine's default capabilities. */
export async function attestIn(lab: Lab, pid: number, ...more: readonly string[]) {
  const own = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
  const asBuild = ['setpriv', `--bounding-set=${boundingSet}`, '--inh-caps=-all', tidegate, 'attest', ...more]
  return lab.host.exec('nsenter', ['--target', String(pid), '--net', '--mount', ...own, ...asBuild], {
    timeoutMs: 60_000,
  })
}

/** A container whose wire looks like ours and ends at a machine that forwards everything, as a router does. */
export async function openPermissiveJob(lab: Lab): Promise<AsyncDisposable & { readonly pid: number }> {
  const child = lab.host.spawn('unshare', [
    '--net',
    '--mount',
    'sh',
    '-c',
    'mount -t sysfs none /sys && exec sleep 900',
  ])
  const { pid } = child
  if (pid === undefined) throw new Error('no container')
  const exited = once(child, 'exit')
  await until(async () => (await lab.host.exec('cat', [`/proc/${pid}/comm`])).stdout === 'sleep\n')
  const inside = (command: string): string => `nsenter --target ${pid} --net ${command}`
  const script = [
    `ip link add fake0 type veth peer name eth0 netns ${pid}`,
    'ip address add 198.19.0.1/30 dev fake0',
    'ip link set fake0 up',
    inside('ip link set lo up'),
    inside('ip address add 198.19.0.2/30 dev eth0'),
    inside('ip link set eth0 up'),
    inside('ip route add default via 198.19.0.1'),
    'sysctl -qw net.ipv4.ip_forward=1',
    'nft add table ip fake',
    "nft 'add chain ip fake out { type nat hook postrouting priority srcnat; }'",
    'nft add rule ip fake out oifname up0 masquerade',
  ]
  const laid = await lab.host.exec('sh', ['-ec', script.join('\n')])
  if (laid.exitCode !== 0) throw new Error(laid.stderr)
  return {
    pid,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
      await lab.host.exec('nft', ['delete', 'table', 'ip', 'fake'])
    },
  }
}

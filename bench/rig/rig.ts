import { mkdir, writeFile } from 'node:fs/promises'
import { openLab, type Lab } from '../../test/lab/lab.ts'
import { runChecked } from '../../test/lab/program.ts'
import { Shell } from './shell.ts'

/** Where every benchmark takes place. */
export interface Rig extends AsyncDisposable {
  readonly lab: Lab
  /** Shorter measurements, for a look. */
  readonly quick: boolean
  /** The load's own namespace, at the other end of a wire into the host, like a job of Tidegate's: for the peers. */
  readonly load: Shell
  /** A shell on the host itself: no gateway, no further wire. */
  readonly host: Shell
  /** Sends the load's traffic to a peer on the host; what is not named goes out as it is. */
  steer(to: { readonly tls?: number; readonly dns?: number }): Promise<void>
  /** A fresh folder that lives as long as the lab. */
  folder(name: string): Promise<string>
}

/** The gateway has this core for itself, load and origin share the other one. */
export const cores = { gateway: '0', load: '1' } as const

/** Names of the origin: `bulk.acme.test` and whatever is below it. */
export const originName = 'bulk.acme.test'

// A piece of 192.0.2.0/24 that the lab leaves free.
const wire = { host: '192.0.2.241', load: '192.0.2.242', block: '192.0.2.240/30', device: 'bench0' } as const

/** Opens a lab with an origin for benchmarks and lays a second wire, beside the job's, for peers. */
export async function openRig(quick: boolean): Promise<Rig> {
  await using opening = new AsyncDisposableStack()
  const lab = opening.use(await openLab({ services: ['bulk'], uplink: false }))
  for (const pid of [lab.pids['bulk'], lab.pids['internet']]) await pin(pid ?? 0, cores.load)
  const { v4, v6 } = lab.addresses.bulk
  await lab.dns.set(`*.${originName}`, 'A', [v4])
  await lab.dns.set(`*.${originName}`, 'AAAA', [v6])

  const load = opening.use(await openLoad(lab))
  const host = opening.use(new Shell(lab.host.spawn('/bin/sh', [], { stdio: 'pipe' })))
  await command(lab, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
  await lab.internet.exec('ip', ['route', 'add', wire.block, 'via', lab.addresses.host.v4])
  const owned = opening.move()
  return {
    lab,
    quick,
    load,
    host,
    async steer({ tls, dns }) {
      const rules = [
        ...(tls === undefined ? [] : [`tcp dport 443 redirect to :${tls}`]),
        ...(dns === undefined ? [] : [`udp dport 53 redirect to :${dns}`]),
      ].map(rule => `    iifname ${wire.device} ${rule}\n`)
      // Without rules no table either: connection tracking must not cost what does not need it.
      const table = `table ip bench {\n  chain steer {\n    type nat hook prerouting priority dstnat;\n${rules.join('')}  }\n}\n`
      const input = `table ip bench\ndelete table ip bench\n${rules.length === 0 ? '' : table}`
      const { exitCode, stderr } = await lab.host.exec('nft', ['-f', '-'], { input })
      if (exitCode !== 0) throw new Error(`nft: ${stderr}`)
    },
    async folder(name) {
      const path = lab.file(`bench/${name}`)
      await mkdir(path, { recursive: true })
      return path
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** A namespace without a name, which ends with its shell: nothing to tidy up. */
async function openLoad(lab: Lab): Promise<Shell> {
  const resolvConf = lab.file('bench-resolv.conf')
  await writeFile(resolvConf, `nameserver ${lab.addresses.resolver.v4}\n`)
  const enter = 'mount --bind "$0" /etc/resolv.conf && exec sh'
  const child = lab.host.spawn('unshare', ['--net', '--mount', 'sh', '-c', enter, resolvConf], { stdio: 'pipe' })
  const shell = new Shell(child)
  // It answers, so the namespaces are there.
  await shell.run('true')
  await command(
    lab,
    'ip',
    'link',
    'add',
    wire.device,
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    String(shell.pid),
  )
  await command(lab, 'ip', 'address', 'add', `${wire.host}/30`, 'dev', wire.device)
  await command(lab, 'ip', 'link', 'set', wire.device, 'up')
  const { output, exitCode } = await shell.run(
    `ip link set lo up && ip address add ${wire.load}/30 dev eth0 && ip link set eth0 up && ip route add default via ${wire.host}`,
  )
  if (exitCode !== 0) throw new Error(`the load's wire: ${output}`)
  return shell
}

async function command(lab: Lab, file: string, ...args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await lab.host.exec(file, args)
  if (exitCode !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr}`)
}

/** Keeps a running process, with all its threads, on one core. */
export async function pin(pid: number, core: string): Promise<void> {
  await runChecked('taskset', ['-apc', core, String(pid)])
}

import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import type { ChildProcess } from 'node:child_process'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { addresses, wires, type Place } from './addresses.ts'
import { Capture } from './capture/capture.ts'
import { Minter, newAuthority, type Authority } from './certificates/authority.ts'
import { DnsLog } from './dns-log.ts'
import { register, remove, removeNow, sweep } from './leftovers.ts'
import { wellKnownNames } from './names.ts'
import { namespaceNamed, type Namespace } from './namespace.ts'
import { labOffer, OriginLog, type ScriptHandler } from './origin-log.ts'
import { bareEnvironment } from './program.ts'
import type { AttackerOffer } from './servers/attacker-offer.ts'
import { openChannel } from './servers/channel.ts'
import type { InternetOffer, Service } from './servers/internet-offer.ts'
import { Sink } from './sink.ts'
import { layTopology } from './topology.ts'
import { trustEnvironment } from './trust.ts'

/** What to start. */
export interface LabOptions {
  /** DNS is always on; any other service implies the HTTP(S) origins. Default: `['origins']`. */
  readonly services?: readonly Service[]
  /** Names to serve beside the well-known ones; `{}` means the shared address. */
  readonly names?: Readonly<Record<string, Place>>
  /** Capture what leaves the host (default). Benchmarks switch it off. */
  readonly uplink?: boolean
}

/** A simulated internet. Disposing it removes every trace; if its owner dies first, the next lab does. */
export interface Lab extends AsyncDisposable {
  readonly id: string
  /** Scratch folder of this lab; removed with it. */
  readonly dir: string
  /** The machine on which the gateway runs; its default route (both families) is the internet. */
  readonly host: Namespace
  /** Where origins and the resolver run. */
  readonly internet: Namespace
  /** Where the attacker's servers and every unknown address are. */
  readonly outside: Namespace
  readonly addresses: typeof addresses
  /** The public authority of the lab's origins. `env` makes clients trust it; it is part of the environment of `host`. */
  readonly ca: { readonly certPem: string; readonly certPath: string; readonly env: Readonly<Record<string, string>> }
  readonly dns: DnsLog
  readonly sink: Sink
  /** What left the host, towards any address. */
  readonly uplink: Capture
  readonly origins: OriginLog
  /** Pids of the lab's programs, by service, for whoever measures. */
  readonly pids: Readonly<Record<string, number>>
  /** Serves one more name on an address of the lab; default the shared one. */
  serve(name: string, place?: Place): Promise<void>
  /** Where a service keeps its files, e.g. `file('ssh/id')`. */
  file(path: string): string
}

/** Opens a lab in about a second. The caller owns it: `await using lab = await openLab(…)`. */
export async function openLab(options: LabOptions = {}): Promise<Lab> {
  await sweep()
  const id = randomBytes(4).toString('hex')
  const dir = `${tmpdir()}/tidegate-lab-${id}`
  const names = { host: `tg-${id}-host`, internet: `tg-${id}-net`, sink: `tg-${id}-sink` }
  const belongings = register(id, Object.values(names), dir)
  const onExit = (): void => removeNow(belongings)
  process.once('exit', onExit)

  await using opening = new AsyncDisposableStack()
  opening.defer(async () => {
    await remove(belongings)
    process.off('exit', onExit)
  })

  const authority = newAuthority('Lab Public CA')
  const certPath = `${dir}/ca.pem`
  const ca = { certPem: authority.certPem, certPath, env: trustEnvironment(certPath) }
  writeFiles(dir, names.host, authority)
  await layTopology(names)

  const env = { ...bareEnvironment(`${dir}/home`), ...ca.env }
  const host = namespaceNamed(names.host, env)
  const internet = namespaceNamed(names.internet, bareEnvironment(`${dir}/home`))
  const outside = namespaceNamed(names.sink, bareEnvironment(`${dir}/home`))
  const handlers = new Map<number, ScriptHandler>()
  const internetProcess = startServer(internet, 'servers/internet.ts')
  const attackerProcess = startServer(outside, 'servers/attacker.ts')
  const callInternet = openChannel<InternetOffer>(internetProcess, { ...labOffer(handlers) })
  const callAttacker = openChannel<AttackerOffer>(attackerProcess, {})
  opening.defer(() => {
    internetProcess.removeAllListeners('disconnect')
    attackerProcess.removeAllListeners('disconnect')
  })

  const served = Object.entries(wellKnownNames).concat(
    Object.entries(options.names ?? {}).map(([name, place]) => [name, placeOf(place)]),
  )
  const [pids, , sinkCapture, uplink] = await Promise.all([
    callInternet('start', { dir, authority, services: options.services ?? ['origins'], names: served }),
    callAttacker('start', { authority }),
    Capture.open(outside, {
      device: wires.away.sink.device,
      expression: awayExpression,
      snapLength: 262_144,
      maxBytes: 256 * 1_048_576,
      mark: token => callInternet('mark', 'away', token),
    }),
    Capture.open(internet, {
      device: wires.uplink.internet.device,
      expression: (options.uplink ?? true) ? uplinkExpression : `ether dst ${wires.uplink.marker.mac}`,
      snapLength: 4_096,
      maxBytes: 64 * 1_048_576,
      mark: token => callInternet('mark', 'uplink', token),
    }),
  ])

  const dns = new DnsLog(callInternet, callAttacker)
  const owned = opening.move()
  return {
    id,
    dir,
    host,
    internet,
    outside,
    addresses,
    ca,
    dns,
    uplink,
    sink: new Sink(sinkCapture, callAttacker),
    origins: new OriginLog(callInternet, handlers),
    pids: { ...pids, internet: internetProcess.pid ?? 0, attacker: attackerProcess.pid ?? 0 },
    file: path => `${dir}/${path}`,
    async serve(name, place = {}) {
      const { v4, v6 } = placeOf(place)
      if (v4 !== undefined) await dns.set(name, 'A', [v4])
      if (v6 !== undefined) await dns.set(name, 'AAAA', [v6])
    },
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  }
}

/** What comes in. Link-local multicast never crosses a router: what there is of it is the wire's own kernels talking. */
const awayExpression = `not ether src ${wires.away.sink.mac} and not (ip6 and dst net ff02::/16)`

/** What the host sends, but for its kernel's listener reports when an address is added; and our markers. */
const uplinkExpression = `ether dst ${wires.uplink.marker.mac} or (not ether src ${wires.uplink.internet.mac} and not (ip6 and src host :: and dst host ff02::16))`

/** Nothing said: the shared address. */
function placeOf(place: Place): Place {
  return place.v4 === undefined && place.v6 === undefined ? addresses.shared : place
}

function writeFiles(dir: string, hostName: string, authority: Authority): void {
  mkdirSync(`${dir}/home`, { recursive: true })
  writeFileSync(`${dir}/ca.pem`, authority.certPem)
  const client = new Minter(authority).mint({ commonName: 'lab-client', names: [] })
  writeFileSync(`${dir}/client.pem`, client.certPem)
  writeFileSync(`${dir}/client-key.pem`, client.keyPem)
  mkdirSync(`/etc/netns/${hostName}`, { recursive: true })
  writeFileSync(
    `/etc/netns/${hostName}/resolv.conf`,
    `nameserver ${addresses.resolver.v4}\noptions timeout:2 attempts:2\n`,
  )
  writeFileSync(`/etc/netns/${hostName}/hosts`, '127.0.0.1 localhost\n::1 localhost\n')
}

function startServer(namespace: Namespace, script: string): ChildProcess {
  const path = fileURLToPath(new URL(script, import.meta.url))
  return namespace.spawn(process.execPath, [path], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
}

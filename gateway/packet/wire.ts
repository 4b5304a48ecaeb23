import { closeSync, existsSync, readFileSync } from 'node:fs'
import type { Address } from '../net/address.ts'
import type { Port } from '../net/port.ts'
import type { Mode } from '../policy/policy.ts'
import { downWire, isKeptHere, layWire } from './links.ts'
import { type NetworkNamespace, openNamespaces } from './namespace.ts'
import type { Run } from './run.ts'
import type { UdpRange } from './ruleset.ts'
import type { Slot } from './slots.ts'
import { openSocketTable, type SocketTable } from './sock-diag.ts'
import { type BoundSocket, duplicate, transparentListener, transparentUdpSocket } from './sockets.ts'
import { installTable } from './table.ts'
import { parseV6Discards, type TableReading } from './table-reading.ts'
import { type Datagram, openUdpListener } from './udp-listener.ts'

/** Routes and rules are looked at this often where readings of the table come in by the second; each look is a program. */
const routesEveryMs = 10_000

/** What a wire is laid from. */
export interface WireOptions {
  readonly run: Run
  readonly slot: Slot
  /** A process in the job's network namespace; may become known later than the rest. */
  readonly jobPid: number | Promise<number>
  readonly mode: Mode
  /** UDP rules of the policy that name addresses. */
  readonly udpRanges: readonly UdpRange[]
  readonly signal: AbortSignal
}

/** A listening socket of the wire. Each descriptor is the caller's own, to give to Node (`listen({ fd })`, `bind({ fd })`), which closes it. */
export interface WireSocket {
  readonly port: Port
  descriptor(): number
}

/** The job's only way out, which ends in this process. Disposing cuts it and removes its table. */
export interface Wire extends AsyncDisposable {
  readonly slot: Slot
  readonly gatewayAddress: Address
  readonly jobAddress: Address
  /** TCP to any address and port but 53. */
  readonly door: WireSocket
  /** TCP to port 53 of any address. */
  readonly dnsTcp: WireSocket
  /** UDP to port 53 of any address; answers go back from where the question was sent to. */
  readonly dnsUdp: WireSocket
  /** The job's network namespace and its sockets. */
  readonly namespace: NetworkNamespace
  readonly sockets: SocketTable
  /** Sets who takes UDP datagrams that a rule or audit admits; before that they are lost. */
  serveUdp(receive: (datagram: Datagram) => void): void
  /** Admits UDP to one destination. @throws GatewayError NFT_REJECTED */
  allowUdp(address: Address, port: Port, signal: AbortSignal): Promise<void>
  /** The table as it is. @throws GatewayError NFT_REJECTED when it cannot be read */
  read(signal: AbortSignal): Promise<TableReading>
  /** Are the rules those that were loaded, and does every packet of the job stay on this machine? Pass a reading to spare one; then routes are looked at every 10 s. */
  isIntact(signal: AbortSignal, reading?: TableReading): Promise<boolean>
  /** Ends the job's network for good, and leaves the rest to be disposed. @throws GatewayError LINK_FAILED */
  cut(): Promise<void>
}

/**
 * Lays the wire of one job: listeners, packet filter, link, in this order, so that there is no moment in which a packet of
 * the job meets less than all of them.
 * @throws GatewayError SOCKET_FAILED, NFT_REJECTED or LINK_FAILED; then nothing is left behind
 */
export async function openWire(options: WireOptions): Promise<Wire> {
  const { run, slot, signal } = options
  const { gatewayAddress, jobAddress, table, device } = slot
  // The pid may fail to come while something else is waited for: nothing is lost, it is asked for again below.
  const jobPidOutcome = Promise.allSettled([options.jobPid])
  await using opening = new AsyncDisposableStack()
  const door = opening.use(openListener(gatewayAddress))
  const dnsTcp = opening.use(openListener(gatewayAddress))
  const dnsUdp = opening.use(ownSocket(transparentUdpSocket(gatewayAddress, 0)))
  let receive: ((datagram: Datagram) => void) | undefined
  const udp = opening.use(openUdpListener(gatewayAddress, datagram => receive?.(datagram)))
  const packets = opening.use(
    await installTable(
      run,
      {
        table,
        device,
        gatewayAddress,
        jobAddress,
        mode: options.mode,
        doorPort: door.port,
        dnsTcpPort: dnsTcp.port,
        dnsUdpPort: dnsUdp.port,
        udpFrontPort: udp.port,
        udpRanges: options.udpRanges,
        dnsFlows: 16_384,
      },
      signal,
    ),
  )
  await jobPidOutcome
  const jobPid = await options.jobPid
  const namespace = opening.use(openNamespaces(jobPid))
  const sockets = opening.use(openSocketTable(namespace))
  opening.use(await layWire(run, slot, { pid: jobPid, namespace }, signal))
  let routesSeen = -Infinity
  let routesKeep = true
  const owned = opening.move()
  return {
    slot,
    gatewayAddress,
    jobAddress,
    door,
    dnsTcp,
    dnsUdp,
    namespace,
    sockets,
    serveUdp(next) {
      receive = next
    },
    allowUdp: (address, port, stop) => packets.allowUdp(address, port, stop),
    read: async stop => withV6(await packets.read(stop), device),
    async isIntact(stop, reading) {
      const { digest } = reading ?? (await packets.read(stop))
      if (digest !== packets.digest) return false
      const now = performance.now()
      if (reading === undefined || now - routesSeen > routesEveryMs) {
        routesSeen = now
        routesKeep = await isKeptHere(run, slot, stop)
      }
      return routesKeep
    },
    cut: () => downWire(run, slot),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function openListener(address: Address): WireSocket & Disposable {
  return ownSocket(transparentListener(address, 0))
}

function ownSocket({ fd, port }: BoundSocket): WireSocket & Disposable {
  return { port, descriptor: () => duplicate(fd), [Symbol.dispose]: () => closeSync(fd) }
}

/** IPv6 is off on the wire's device, which drops and counts it before any rule could. */
function withV6(reading: TableReading, device: string): TableReading {
  const file = `/proc/thread-self/net/dev_snmp6/${device}`
  const packets = existsSync(file) ? parseV6Discards(readFileSync(file, 'latin1')) : 0
  return packets === 0
    ? reading
    : { ...reading, counts: [...reading.counts, { kind: 'v6', protocol: 'ipv6', packets }] }
}

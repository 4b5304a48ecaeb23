import { closeSync, existsSync, readFileSync } from 'node:fs'
import type { Address } from '../net/address.ts'
import type { Port } from '../net/port.ts'
import type { Mode } from '../policy/policy.ts'
import { joinLink, linkGone, prepareLink } from './expected-link.ts'
import { downWire, isKeptHere } from './gateway-end.ts'
import { type HardwareAddresses, newHardwareAddresses } from './hardware-address.ts'
import { layWire } from './links.ts'
import { type NetworkNamespace, openNamespaces } from './namespace.ts'
import type { Run } from './run.ts'
import type { Steering, UdpRange } from './ruleset.ts'
import type { Slot } from './slots.ts'
import { openSocketTable, type SocketTable } from './sock-diag.ts'
import { type BoundSocket, duplicate, transparentListener, transparentUdpSocket } from './sockets.ts'
import { chooseSteering } from './steering.ts'
import { type ChangeableRules, installTable, type PacketReading, type PacketTable } from './table.ts'
import { parseV6Discards } from './table-reading.ts'
import { type Datagram, openUdpListener } from './udp-listener.ts'

/** Routes and rules are looked at this often where readings of the table come in by the second; each look is a program. */
const routesEveryMs = 10_000
/** Tracked exchanges of one job, of each kind. */
const trackedFlows = 16_384

/** What a wire is made from. */
export interface WireOptions {
  readonly run: Run
  readonly slot: Slot
  readonly mode: Mode
  /** `auto`: redirection where the kernel lacks TPROXY. */
  readonly steering: Steering | 'auto'
  /** Where UDP rules of the policy may lead, by address; the UDP front door decides by name. */
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
  readonly steering: Steering
  readonly gatewayAddress: Address
  readonly jobAddress: Address
  /** TCP to any address and port but 53. */
  readonly door: WireSocket
  /** TCP to port 53 of any address. */
  readonly dnsTcp: WireSocket
  /** UDP to port 53 of any address; answers go back from where the question was sent to. */
  readonly dnsUdp: WireSocket
  /** Sets who takes UDP datagrams that a rule or audit admits; before that they are lost. */
  serveUdp(receive: (datagram: Datagram) => void): void
  /** The table as it is. @throws GatewayError NFT_REJECTED when it cannot be read */
  read(signal: AbortSignal): Promise<PacketReading>
  /** Are the rules those that were loaded, and does every packet of the job stay on this machine? Pass a reading to spare one; then routes are looked at every 10 s. */
  isIntact(signal: AbortSignal, reading?: PacketReading): Promise<boolean>
  /** Replaces what may change of the rules, in one step. @throws GatewayError NFT_REJECTED; then they are as before */
  changeRules(change: ChangeableRules, signal: AbortSignal): Promise<void>
  /** Ends the job's network for good, and leaves the rest to be disposed. @throws GatewayError LINK_FAILED */
  cut(): Promise<void>
}

/** A wire that this process laid, and so reaches the other end of. */
export interface LaidWire extends Wire {
  /** The job's network namespace and its sockets. */
  readonly namespace: NetworkNamespace
  readonly sockets: SocketTable
}

/** A wire that somebody else lays: everything but its device is there. */
export interface ExpectedWire extends Wire {
  /** What the two ends must have. */
  readonly mac: HardwareAddresses
  /**
   * Waits for the device and joins it to the rest.
   * @throws GatewayError LINK_FAILED, SYSCTL_NEEDED; the signal's reason when it is aborted
   */
  join(signal: AbortSignal): Promise<void>
  /** Resolves when the device is gone again, or the signal is aborted. */
  gone(signal: AbortSignal): Promise<void>
}

/**
 * Lays the wire of one job: listeners, packet filter, link, in this order, so that there is no moment in which a packet of
 * the job meets less than all of them. `jobPid` is a process in the job's network namespace; it may become known later
 * than the rest.
 * @throws GatewayError SOCKET_FAILED, NFT_REJECTED, LINK_FAILED or SYSCTL_NEEDED; then nothing is left behind
 */
export async function openWire(
  options: WireOptions & { readonly jobPid: number | Promise<number> },
): Promise<LaidWire> {
  const { run, slot, signal } = options
  // The pid may fail to come while something else is waited for: nothing is lost, it is asked for again below.
  const jobPidOutcome = Promise.allSettled([options.jobPid])
  await using opening = new AsyncDisposableStack()
  const side = await openGatewaySide(opening, options)
  await jobPidOutcome
  const jobPid = await options.jobPid
  const namespace = opening.use(openNamespaces(jobPid))
  const sockets = opening.use(openSocketTable(namespace))
  opening.use(await layWire(run, slot, { pid: jobPid, namespace }, signal))
  const owned = opening.move()
  return { ...side, namespace, sockets, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/**
 * Makes everything of a wire that somebody else will lay: listeners, packet filter, routes. The device that then enters
 * this network namespace meets all of them.
 * @throws GatewayError SOCKET_FAILED, NFT_REJECTED or LINK_FAILED; then nothing is left behind
 */
export async function expectWire(options: WireOptions): Promise<ExpectedWire> {
  const { run, slot, signal } = options
  await using opening = new AsyncDisposableStack()
  const side = await openGatewaySide(opening, options)
  opening.use(await prepareLink(run, slot, signal))
  const mac = newHardwareAddresses()
  const owned = opening.move()
  return {
    ...side,
    mac,
    join: stop => joinLink(run, slot, mac, stop),
    gone: stop => linkGone(slot, stop),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Listeners and packet filter, owned by `opening`. */
async function openGatewaySide(
  opening: AsyncDisposableStack,
  { run, slot, mode, steering: wanted, udpRanges, signal }: WireOptions,
): Promise<Omit<Wire, typeof Symbol.asyncDispose>> {
  const { gatewayAddress, jobAddress, table, device } = slot
  const door = opening.use(openListener(gatewayAddress))
  const dnsTcp = opening.use(openListener(gatewayAddress))
  const dnsUdp = opening.use(ownSocket(transparentUdpSocket(gatewayAddress, 0)))
  let receive: ((datagram: Datagram) => void) | undefined
  const udp = opening.use(openUdpListener(gatewayAddress, datagram => receive?.(datagram)))
  const ports = { doorPort: door.port, dnsTcpPort: dnsTcp.port, dnsUdpPort: dnsUdp.port, udpFrontPort: udp.port }
  const rules = { table, device, gatewayAddress, jobAddress, mode, ...ports, udpRanges, trackedFlows }
  const { packets, steering } = await steer(
    (way, stop) => installTable(run, { ...rules, steering: way }, stop),
    run,
    wanted,
    signal,
  )
  opening.use(packets)
  let routesSeen = -Infinity
  let routesKeep = true
  return {
    slot,
    steering,
    gatewayAddress,
    jobAddress,
    door,
    dnsTcp,
    dnsUdp,
    serveUdp(next) {
      receive = next
    },
    read: async stop => withV6(await packets.read(stop), device),
    async isIntact(stop, reading) {
      const { intact } = reading ?? (await packets.read(stop))
      if (!intact) return false
      const now = performance.now()
      if (reading === undefined || now - routesSeen > routesEveryMs) {
        routesSeen = now
        routesKeep = await isKeptHere(run, slot, stop)
      }
      return routesKeep
    },
    changeRules: (change, stop) => packets.replace(change, stop),
    cut: () => downWire(run, slot),
  }
}

/** Loads the packet filter; with `auto` in the way that this kernel can do, which costs nothing where that is the usual one. */
async function steer(
  install: (steering: Steering, signal: AbortSignal) => Promise<PacketTable>,
  run: Run,
  wanted: Steering | 'auto',
  signal: AbortSignal,
): Promise<{ readonly packets: PacketTable; readonly steering: Steering }> {
  if (wanted !== 'auto') return { packets: await install(wanted, signal), steering: wanted }
  try {
    return await steer(install, run, 'tproxy', signal)
  } catch (cause) {
    const steering = signal.aborted ? 'tproxy' : await chooseSteering(run, signal)
    if (steering === 'tproxy') throw cause
    return steer(install, run, steering, signal)
  }
}

function openListener(address: Address): WireSocket & Disposable {
  return ownSocket(transparentListener(address, 0))
}

function ownSocket({ fd, port }: BoundSocket): WireSocket & Disposable {
  return { port, descriptor: () => duplicate(fd), [Symbol.dispose]: () => closeSync(fd) }
}

/** IPv6 is off on the wire's device, which drops and counts it before any rule could. */
function withV6(reading: PacketReading, device: string): PacketReading {
  const file = `/proc/thread-self/net/dev_snmp6/${device}`
  const packets = existsSync(file) ? parseV6Discards(readFileSync(file, 'latin1')) : 0
  return packets === 0
    ? reading
    : { ...reading, counts: [...reading.counts, { kind: 'v6', protocol: 'ipv6', packets }] }
}

import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { GatewayError } from '../errors.ts'
import type { NetworkNamespace } from './namespace.ts'
import { type Run, runOrThrow } from './run.ts'
import { type ClaimedSlot, deadSlots, type Slot } from './slots.ts'
import { isRunning } from './sockets.ts'
import { removeTable } from './table.ts'

/** Names of the job's one interface, as containers have it. */
export const jobDevice = 'eth0'

/** Preference of the rule that keeps the job's packets here: behind the `local` table (0), before all others. */
const rulePreference = 1

/**
 * Lays the wire from the gateway into the network namespace of a process: a veth pair, addresses, the job's default
 * route, and the rule by which every packet of the job is delivered on this machine, whatever its address. With that rule
 * nothing is forwarded even when no packet filter and no gateway is there. Load the packet filter first. Disposing cuts it.
 * @throws GatewayError LINK_FAILED
 */
export async function layWire(
  run: Run,
  slot: Slot,
  job: { readonly pid: number; readonly namespace: NetworkNamespace },
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  try {
    await ip(run, gatewayCommands(slot, job.pid), signal)
    for (const [path, value] of gatewaySettings(slot.device)) setSysctl(path, value)
    await runOrThrow(run, 'LINK_FAILED', 'nsenter', [`--target=${job.pid}`, '--net', 'ip', '-batch', '-'], {
      input: jobCommands(slot).join('\n'),
      signal,
    })
    await carrier(slot, job.namespace, signal)
  } catch (cause) {
    await cutWire(run, slot)
    throw cause
  }
  return { [Symbol.asyncDispose]: () => cutWire(run, slot) }
}

/**
 * Waits until both ends carry packets. The kernel finishes that in its own time (net/core/link_watch.c), on a busy machine
 * some 100 ms after the command that brought them up has ended, and until then drops what is sent.
 */
async function carrier(slot: Slot, namespace: NetworkNamespace, signal: AbortSignal): Promise<void> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(5_000)])
  while (!isRunning(slot.device) || !namespace.run(() => isRunning(jobDevice)))
    await delay(1, undefined, { signal: stop })
}

/**
 * Is a packet of the job to an outside address delivered here, as the rule of its wire says? True as well when the wire is gone.
 * @throws GatewayError LINK_FAILED when it could not be found out
 */
export async function isKeptHere(run: Run, slot: Slot, signal: AbortSignal): Promise<boolean> {
  const args = ['-j', 'route', 'get', '203.0.113.1', 'from', slot.jobAddress, 'iif', slot.device]
  const { exitCode, stdout, stderr } = await run('ip', args, { signal })
  if (exitCode === undefined) throw new GatewayError('LINK_FAILED', `ip did not say where packets go: ${stderr.trim()}`)
  const isLocal = exitCode === 0 && /"type":"local"/.test(stdout) && /"dev":"lo"/.test(stdout)
  return isLocal || !hasDevice(slot.device)
}

/** Takes the gateway's end of the wire down: nothing of the job arrives any more. That it is gone already is no failure. */
export async function downWire(run: Run, { device }: Slot): Promise<void> {
  const { exitCode, stderr } = await run('ip', ['link', 'set', 'dev', device, 'down'], {
    signal: AbortSignal.timeout(5_000),
  })
  if (exitCode === 0 || absent.test(stderr)) return
  throw new GatewayError('LINK_FAILED', `the wire ${device} cannot be taken down: ${stderr.trim()}`, {
    details: { device },
  })
}

/**
 * Removes what gateways left that died without tidying up: devices, rules, routes, tables. Returns the ids.
 * @throws GatewayError LINK_FAILED or NFT_REJECTED
 */
export async function sweepDead(run: Run, directory: string): Promise<readonly string[]> {
  const dead = deadSlots(directory)
  for (const slot of dead) await sweepOne(run, slot)
  return dead.map(({ id }) => id)
}

async function sweepOne(run: Run, slot: ClaimedSlot): Promise<void> {
  await cutWire(run, slot)
  await removeTable(run, slot.table)
  slot[Symbol.dispose]()
}

function gatewayCommands(slot: Slot, jobPid: number): readonly string[] {
  const { device, routeTable, gatewayAddress, jobAddress } = slot
  const mac = hardwareAddresses(slot)
  return [
    `route add ${deadEnd(slot)}`,
    `route add local default dev lo table ${routeTable}`,
    `rule add pref ${rulePreference} iif ${device} lookup ${routeTable}`,
    `link add ${device} address ${mac.gateway} type veth peer name ${jobDevice} address ${mac.job} netns ${jobPid}`,
    // No ARP: the job cannot ask which addresses this machine has, nor claim one.
    `link set dev ${device} arp off addrgenmode none`,
    `addr add ${gatewayAddress}/30 dev ${device}`,
    `link set dev ${device} up`,
    `neigh replace ${jobAddress} lladdr ${mac.job} dev ${device} nud permanent`,
  ]
}

function jobCommands(slot: Slot): readonly string[] {
  const { gatewayAddress, jobAddress } = slot
  return [
    'link set dev lo up',
    `link set dev ${jobDevice} addrgenmode none`,
    `addr add ${jobAddress}/30 dev ${jobDevice}`,
    `link set dev ${jobDevice} up`,
    `neigh replace ${gatewayAddress} lladdr ${hardwareAddresses(slot).gateway} dev ${jobDevice} nud permanent`,
    `route add default via ${gatewayAddress} dev ${jobDevice}`,
  ]
}

/** When the device goes, what is still on its way to the job must not take the machine's default route. */
function deadEnd({ gatewayAddress }: Slot): string {
  const network = gatewayAddress.replace(/\d+$/, last => String(Number(last) - 1))
  return `unreachable ${network}/30 metric 4096`
}

/** Locally administered, unicast. */
function hardwareAddresses({ id }: Slot): { readonly gateway: string; readonly job: string } {
  const tail = `${id.slice(0, 2)}:${id.slice(2)}`
  return { gateway: `02:54:47:00:${tail}`, job: `02:54:47:01:${tail}` }
}

/** The device of a wire is no router and takes no hints. Written before the job's end is up, so before any packet. */
function gatewaySettings(device: string): readonly (readonly [path: string, value: string])[] {
  const v4 = `/proc/sys/net/ipv4/conf/${device}`
  const v6 = `/proc/sys/net/ipv6/conf/${device}`
  return [
    [`${v4}/forwarding`, '0'],
    [`${v4}/rp_filter`, '0'],
    [`${v4}/route_localnet`, '0'],
    [`${v4}/accept_redirects`, '0'],
    [`${v4}/send_redirects`, '0'],
    [`${v4}/accept_source_route`, '0'],
    [`${v4}/proxy_arp`, '0'],
    [`${v6}/disable_ipv6`, '1'],
  ]
}

function hasDevice(device: string): boolean {
  return readFileSync('/proc/thread-self/net/dev', 'latin1').includes(`${device}:`)
}

function setSysctl(path: string, value: string): void {
  try {
    writeFileSync(path, value)
  } catch (cause) {
    // A machine without IPv6 has none of its settings either.
    if (path.includes('/ipv6/') && cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return
    throw new GatewayError('LINK_FAILED', `cannot write ${path}`, { cause })
  }
}

/** Removes device, rule and routes; what is gone already is no failure. */
async function cutWire(run: Run, slot: Slot): Promise<void> {
  const { device, routeTable } = slot
  const commands = [
    // First, for without device there are no packets, so that the rule may go.
    `link delete dev ${device}`,
    `rule delete pref ${rulePreference} iif ${device} lookup ${routeTable}`,
    `route flush table ${routeTable}`,
    `route delete ${deadEnd(slot)}`,
  ]
  const { exitCode, stderr } = await run('ip', ['-force', '-batch', '-'], {
    input: `${commands.join('\n')}\n`,
    signal: AbortSignal.timeout(5_000),
  })
  const failures = stderr
    .split('\n')
    .filter(line => line !== '' && !absent.test(line) && !line.startsWith('Command failed'))
  if (exitCode === 0 || (exitCode !== undefined && failures.length === 0)) return
  throw new GatewayError('LINK_FAILED', `the wire ${device} cannot be removed: ${failures.join('; ')}`, {
    details: { device },
  })
}

/** How iproute2 and the kernel say that there is nothing to remove. */
const absent = /Cannot find device|No such (?:device|file|process)|does not exist/

async function ip(run: Run, commands: readonly string[], signal: AbortSignal): Promise<void> {
  await runOrThrow(run, 'LINK_FAILED', 'ip', ['-batch', '-'], { input: `${commands.join('\n')}\n`, signal })
}

import { readFileSync } from 'node:fs'
import { GatewayError } from '../errors.ts'
import type { HardwareAddresses } from './hardware-address.ts'
import { type Run, runOrThrow } from './run.ts'
import { deadSlots, type Slot, takenSlots } from './slots.ts'
import { removeTable } from './table.ts'

/** Preference of the rule that keeps the job's packets here: behind the `local` table (0), before all others. */
const rulePreference = 1

/**
 * Commands of `ip -batch` for the routes of a wire: every packet that comes in by its device is delivered on this machine,
 * whatever its address. With that rule nothing is forwarded even when no packet filter and no gateway is there. They may
 * come before the device does. Pure.
 */
export function routeCommands(slot: Slot): readonly string[] {
  const { device, routeTable } = slot
  return [
    `route add ${deadEnd(slot)}`,
    `route add local default dev lo table ${routeTable}`,
    `rule add pref ${rulePreference} iif ${device} lookup ${routeTable}`,
  ]
}

/** Commands for the device itself, which is up when they are done. Pure. */
export function deviceCommands(
  { device, gatewayAddress, jobAddress }: Slot,
  mac: HardwareAddresses,
): readonly string[] {
  return [
    // No ARP: the job cannot ask which addresses this machine has, nor claim one.
    `link set dev ${device} arp off addrgenmode none`,
    `addr add ${gatewayAddress}/30 dev ${device}`,
    `neigh replace ${jobAddress} lladdr ${mac.job} dev ${device} nud permanent`,
    // Last: only now the job's end has a carrier.
    `link set dev ${device} up`,
  ]
}

/** Runs commands of `ip -batch`. @throws GatewayError LINK_FAILED */
export async function ip(run: Run, commands: readonly string[], signal: AbortSignal): Promise<void> {
  await runOrThrow(run, 'LINK_FAILED', 'ip', ['-batch', '-'], { input: `${commands.join('\n')}\n`, signal })
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

/** Is there such a device in this network namespace? */
export function hasDevice(device: string): boolean {
  return readFileSync('/proc/thread-self/net/dev', 'latin1').includes(`${device}:`)
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

/** Removes device, rule and routes; what is gone already is no failure. @throws GatewayError LINK_FAILED */
export async function cutWire(run: Run, slot: Slot): Promise<void> {
  const { device, routeTable } = slot
  // First, for without device there are no packets, so that the rule may go.
  await removeAll(run, slot, [`link delete dev ${device}`])
  await destroySockets(run, slot)
  await removeAll(run, slot, [
    `rule delete pref ${rulePreference} iif ${device} lookup ${routeTable}`,
    `route flush table ${routeTable}`,
    `route delete ${deadEnd(slot)}`,
  ])
}

/**
 * A connection that is closed goes on in the kernel until its other end has answered: it repeats what it has sent and ends
 * with a reset, for minutes, to an address of the job's choice as source. Without device and dead end that would leave by
 * the machine's default route. A kernel without CONFIG_INET_DIAG_DESTROY keeps such connections, and `ss` says nothing of it.
 */
async function destroySockets(run: Run, { jobAddress }: Slot): Promise<void> {
  await run('ss', ['--kill', '--no-header', '--numeric', '--tcp', 'dst', jobAddress], {
    signal: AbortSignal.timeout(5_000),
  })
}

async function removeAll(run: Run, { device }: Slot, commands: readonly string[]): Promise<void> {
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

/**
 * Removes what gateways left that died without tidying up: devices, rules, routes, tables, and what the caller knows of.
 * Returns the ids.
 * @throws GatewayError LINK_FAILED or NFT_REJECTED
 */
export async function sweepDead(
  run: Run,
  directory: string,
  alsoRemove: (id: string) => Promise<void> = async () => undefined,
): Promise<readonly string[]> {
  const dead = deadSlots(directory)
  for (const slot of dead) {
    await cutWire(run, slot)
    await removeTable(run, slot.table)
    await alsoRemove(slot.id)
    // Last: while it stands, a sweep that is killed in the middle is taken up by the next one.
    slot[Symbol.dispose]()
  }
  return dead.map(({ id }) => id)
}

/**
 * Removes devices of wires that nobody planned, or not any more: an init that was killed may have laid one a moment after
 * its attach was undone. The other end, in the job, goes with it.
 * @throws GatewayError LINK_FAILED
 */
export async function sweepOrphans(run: Run, directory: string): Promise<void> {
  const owned = new Set(takenSlots(directory).map(id => `tg${id}`))
  for (const [, device = ''] of readFileSync('/proc/thread-self/net/dev', 'latin1').matchAll(
    /^\s*(tg[0-9a-f]{4}):/gm,
  )) {
    if (owned.has(device)) continue
    const { exitCode, stderr } = await run('ip', ['link', 'delete', 'dev', device], {
      signal: AbortSignal.timeout(5_000),
    })
    if (exitCode !== 0 && !absent.test(stderr))
      throw new GatewayError(
        'LINK_FAILED',
        `the wire ${device}, which is nobody's, cannot be removed: ${stderr.trim()}`,
      )
  }
}

/** When the device goes, what is still on its way to the job must not take the machine's default route. */
function deadEnd({ gatewayAddress }: Slot): string {
  const network = gatewayAddress.replace(/\d+$/, last => String(Number(last) - 1))
  return `unreachable ${network}/30 metric 4096`
}

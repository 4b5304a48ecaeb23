import { randomInt } from 'node:crypto'
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { GatewayError } from '../errors.ts'
import { type Address, addressFromBytes } from '../net/address.ts'
import { removeEmpty } from './gone-namespaces.ts'
import { isAlive, type Owner, thisProcess } from './owner.ts'

/** The names and numbers of one wire, all made from one small number, so that what is left of a dead one can be found. */
export interface Slot {
  /** Four hexadecimal digits. */
  readonly id: string
  /** The gateway's end of the wire. */
  readonly device: string
  /** Name of the nftables table. */
  readonly table: string
  /** Number of the routing table. */
  readonly routeTable: number
  readonly gatewayAddress: Address
  readonly jobAddress: Address
}

/** A slot that is ours until disposed. Dispose it when nothing of the wire is left. */
export interface ClaimedSlot extends Slot, Disposable {}

/** Link networks are the 2^14 blocks of four addresses in 198.19.0.0/16 (RFC 2544, never routed). */
export const slotCount = 16_384

/** "TG" in ASCII and the slot: out of the way of the tables people number by hand. */
const firstRouteTable = 0x54470000

/** The slot of a number from 0 to 16,383. Pure. */
export function slotNumbered(number: number): Slot {
  const id = number.toString(16).padStart(4, '0')
  const [gatewayAddress, jobAddress] = [1, 2].map(host =>
    addressFromBytes([198, 19, number >> 6, ((number & 63) << 2) + host]),
  )
  if (gatewayAddress === undefined || jobAddress === undefined) throw new TypeError(`not a slot: ${number}`)
  return {
    id,
    device: `tg${id}`,
    table: `tidegate_${id}`,
    routeTable: firstRouteTable + number,
    gatewayAddress,
    jobAddress,
  }
}

/** Where slots are written down: one folder for each network namespace, one file for each wire. Gone after a reboot, as they are. */
export function stateDirectory(root = '/run/tidegate/wires'): string {
  return `${root}/${statSync('/proc/thread-self/ns/net').ino}`
}

/**
 * Claims a slot that no living gateway holds and whose link network the machine does not use, beginning at a random one.
 * @throws GatewayError LINK_FAILED when all are taken or the state cannot be written
 */
export function claimSlot(directory: string, first = randomInt(slotCount)): ClaimedSlot {
  const taken = routedNetworks(readFileSync('/proc/thread-self/net/route', 'latin1'))
  const devices = readFileSync('/proc/thread-self/net/dev', 'latin1')
  for (let step = 0; step < slotCount; step += 1) {
    const number = (first + step) % slotCount
    const slot = slotNumbered(number)
    const network = ((198 << 24) | (19 << 16) | (number << 2)) >>> 0
    if (devices.includes(`${slot.device}:`) || taken.some(({ start, end }) => network <= end && network + 3 >= start))
      continue
    const file = `${directory}/${slot.id}`
    if (writeOnce(file)) return { ...slot, [Symbol.dispose]: () => forget(file) }
  }
  throw new GatewayError('LINK_FAILED', 'no network of 198.19.0.0/16 is free for the wire', {
    details: { slots: slotCount },
  })
}

/** The ids of all slots that are claimed, also by gateways that died since. */
export function takenSlots(directory: string): readonly string[] {
  return listDirectory(directory).filter(name => /^[0-9a-f]{4}$/.test(name))
}

/** The slots of gateways that died without tidying up. */
export function deadSlots(directory: string): readonly ClaimedSlot[] {
  return takenSlots(directory).flatMap(name => {
    const owner = readOwner(`${directory}/${name}`)
    if (owner === undefined || isAlive(owner)) return []
    const remove = (): void => rmSync(`${directory}/${name}`, { force: true })
    return [{ ...slotNumbered(Number.parseInt(name, 16)), [Symbol.dispose]: remove }]
  })
}

/** Networks with a route of their own, from the text of /proc/net/route; the default route is none of them. Pure. */
export function routedNetworks(text: string): readonly { readonly start: number; readonly end: number }[] {
  return text.split('\n').flatMap(line => {
    const fields = line.split('\t')
    const [to, mask] = [fields[1], fields[7]].map(littleEndian)
    if (to === undefined || mask === undefined || mask === 0) return []
    return [{ start: to, end: (to | ~mask) >>> 0 }]
  })
}

function littleEndian(hex: string | undefined): number | undefined {
  return hex !== undefined && /^[0-9A-F]{8}$/.test(hex) ? Buffer.from(hex, 'hex').readUInt32LE() : undefined
}

/** Creates the file with its whole content, or says that it is there already. */
function writeOnce(file: string, attempts = 8): boolean {
  const draft = `${file}.${process.pid}`
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(draft, JSON.stringify(thisProcess()), { mode: 0o600 })
    linkSync(draft, file)
    return true
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'EEXIST') return false
    // Another gateway has just removed the folder, as the last one in it.
    if (code === 'ENOENT' && attempts > 1) return writeOnce(file, attempts - 1)
    throw new GatewayError('LINK_FAILED', `cannot write ${file}`, { cause })
  } finally {
    rmSync(draft, { force: true })
  }
}

function forget(file: string): void {
  rmSync(file, { force: true })
  removeEmpty(dirname(file))
}

function readOwner(file: string): Owner | undefined {
  try {
    const owner: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof owner !== 'object' || owner === null || !('pid' in owner) || !('startTime' in owner)) return undefined
    const { pid, startTime } = owner
    return typeof pid === 'number' && typeof startTime === 'string' ? { pid, startTime } : undefined
  } catch {
    return undefined
  }
}

function listDirectory(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

import { closeSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { jobDevice } from '../packet/job-device.ts'
import { call } from '../packet/libc.ts'
import { hardwareAddressOf } from '../packet/sockets.ts'

// include/linux/socket.h, include/linux/net.h, include/uapi/linux/if_ether.h
const AF_PACKET = 17
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const ETH_P_ALL = 3
const lookEveryMs = 5
const longestFrame = 2_048

/** Puts frames on the job's wire past every socket layer, and hears what comes back. */
export interface WireSocket extends Disposable {
  /** Hardware addresses of the job's end and of the gateway's. */
  readonly ownMac: Buffer
  readonly gatewayMac: Buffer
  /** @throws Error when the kernel does not take it */
  send(frame: Buffer): void
  /** The first of what `look` makes of a frame from the other end; undefined when nothing came by `ms`. */
  hear<Heard>(look: (frame: Buffer) => Heard | undefined, ms: number, signal: AbortSignal): Promise<Heard | undefined>
}

/** Opens one on the job's device; a string says why the kernel does not let us. */
export function openWireSocket(): WireSocket | string {
  const made = call('socket', AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, networkOrder(ETH_P_ALL))
  if ('errno' in made) return made.errno
  const fd = made.value
  const address = Buffer.alloc(20)
  // struct sockaddr_ll, include/uapi/linux/if_packet.h: family, protocol (network order), interface.
  address.writeUInt16LE(AF_PACKET, 0)
  address.writeUInt16BE(ETH_P_ALL, 2)
  address.writeInt32LE(Number(readFileSync(`/sys/class/net/${jobDevice}/ifindex`, 'latin1')), 4)
  const bound = call('bind', fd, address, address.length)
  if ('errno' in bound) {
    closeSync(fd)
    return bound.errno
  }
  const ownMac = macBytes(hardwareAddressOf(jobDevice))
  return {
    ownMac,
    gatewayMac: macBytes(gatewayMac()),
    send(frame) {
      const sent = call('send', fd, frame, frame.length, 0)
      if ('errno' in sent) throw new Error(`the kernel takes no frame: ${sent.errno}`)
    },
    async hear(look, ms, signal) {
      const room = Buffer.alloc(longestFrame)
      for (const end = performance.now() + ms; performance.now() < end && !signal.aborted; await delay(lookEveryMs)) {
        for (;;) {
          const got = call('recv', fd, room, room.length, 0)
          if ('errno' in got) break
          const frame = Buffer.from(room.subarray(0, got.value))
          // What we and our kernel send is seen here as well.
          const heard = frame.subarray(6, 12).equals(ownMac) ? undefined : look(frame)
          if (heard !== undefined) return heard
        }
      }
      return undefined
    },
    [Symbol.dispose]: () => closeSync(fd),
  }
}

/** Of the one neighbour on the wire, which is the gateway. */
function gatewayMac(): string {
  const rows = readFileSync('/proc/net/arp', 'latin1').trim().split('\n').slice(1)
  const mac = rows.map(row => row.trim().split(/\s+/)).find(fields => fields[5] === jobDevice)?.[3]
  // Not known yet: everybody on the wire is meant.
  return mac === undefined || mac === '00:00:00:00:00:00' ? 'ff:ff:ff:ff:ff:ff' : mac
}

function macBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex')
}

function networkOrder(value: number): number {
  return ((value & 0xff) << 8) | (value >> 8)
}

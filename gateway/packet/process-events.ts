import { randomInt } from 'node:crypto'
import { closeSync } from 'node:fs'
import { getSystemErrorName } from 'node:util'
import { GatewayError } from '../errors.ts'
import { call, type Outcome } from './libc.ts'
import { openNamespaces } from './namespace.ts'

// include/linux/socket.h, include/uapi/linux/netlink.h, include/uapi/linux/connector.h, include/uapi/linux/cn_proc.h
const AF_NETLINK = 16
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_RCVBUFFORCE = 33
const MSG_DONTWAIT = 0x40
const POLLIN = 1
const NETLINK_CONNECTOR = 11
const NLMSG_DONE = 3
const CN_IDX_PROC = 1
const CN_VAL_PROC = 1
const PROC_CN_MCAST_LISTEN = 1
const PROC_CN_MCAST_IGNORE = 2
const PROC_EVENT_NONE = 0
const PROC_EVENT_FORK = 0x1
const PROC_EVENT_EXEC = 0x2
const PROC_EVENT_EXIT = 0x80000000

/** struct nlmsghdr (16 bytes), then struct cn_msg (20 bytes). */
const headBytes = 36
/** The kernel's queue for us, in bytes of its own accounting: some thousand events. */
const queueBytes = 8_388_608
/** Events read at once; then others have their turn. */
const mostAtOnce = 4_096
/** Milliseconds for the kernel's confirmation, which is there before `send` returns. */
const confirmMs = 20

/** What the kernel tells of processes, as our own pid namespace numbers them. Threads are left out. */
export type ProcessEvent =
  /** `parent` has made `pid`; with CLONE_PARENT its own parent has. */
  | { readonly kind: 'born'; readonly pid: number; readonly parent: number }
  /** It has become another program. */
  | { readonly kind: 'executed'; readonly pid: number }
  /** Its first thread has ended; others may go on. */
  | { readonly kind: 'ended'; readonly pid: number }
  /** Events were lost: nothing that was known before can be relied on. */
  | { readonly kind: 'lost' }

const lost = { kind: 'lost' } as const

/** What went wrong when there was merely nothing to read. */
const harmless: ReadonlySet<string> = new Set(['EAGAIN', 'EINTR'])

/** Events of all processes of the machine, for as long as it is not disposed. */
export interface ProcessEvents extends Disposable {
  /** Tells what has happened until now, without waiting; true when there was something. */
  drain(): boolean
}

/**
 * Opens the kernel's notices of births and ends of processes (proc connector, CAP_NET_ADMIN; only for who is in the machine's
 * own pid and user namespace). `told` is called by `drain` with events in their order. The name of the error when
 * the kernel has none for us: ENOTSUP when it takes what we ask for without doing it.
 */
export function openProcessEvents(
  told: (events: readonly ProcessEvent[]) => void,
): ProcessEvents | { readonly errno: string } {
  const opened = openInMachine()
  if ('errno' in opened) return opened
  const fd = opened.value
  const begun = begin(fd)
  if ('errno' in begun) {
    closeSync(fd)
    return begun
  }
  const buffer = Buffer.alloc(4_096)
  let isOpen = true
  const drain = (): boolean => {
    const events: ProcessEvent[] = []
    if (!isOpen) return false
    for (let count = 0; count < mostAtOnce; count += 1) {
      const outcome = call('recv', fd, buffer, buffer.length, MSG_DONTWAIT)
      if ('value' in outcome) {
        const event = parseEvent(buffer.subarray(0, outcome.value))
        if (event !== undefined) events.push(event)
        continue
      }
      if (!harmless.has(outcome.errno)) events.push(lost)
      // Only after this one there is more to read.
      if (outcome.errno !== 'ENOBUFS') break
    }
    if (events.length > 0) told(events)
    return events.length > 0
  }
  return {
    drain,
    [Symbol.dispose]() {
      if (!isOpen) return
      isOpen = false
      // The kernel counts who listens, and before Linux 6.6 does not see that a socket is closed.
      ask(fd, PROC_CN_MCAST_IGNORE)
      closeSync(fd)
    },
  }
}

/**
 * The kernel tells it in the machine's own network namespace only. Its own threads are in there; the first is process 2 of
 * the machine. (Process 1 may be closed to us.) In a container that is some program, whose namespace is of no use.
 */
function openInMachine(): Outcome {
  try {
    using machine = openNamespaces(2)
    return machine.run(() => call('socket', AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR))
  } catch (cause) {
    const errno = cause instanceof GatewayError ? cause.details['errno'] : undefined
    return { errno: typeof errno === 'string' ? errno : 'EPERM' }
  }
}

function begin(fd: number): Outcome {
  // More than the machine's limit for everybody; without it, it is the limit.
  const size = Buffer.alloc(4)
  size.writeUInt32LE(queueBytes)
  call('setsockopt', fd, SOL_SOCKET, SO_RCVBUFFORCE, size, size.length)
  // struct sockaddr_nl: family, pid (0: the kernel chooses), groups.
  const address = Buffer.alloc(12)
  address.writeUInt16LE(AF_NETLINK, 0)
  address.writeUInt32LE(CN_IDX_PROC, 8)
  const bound = call('bind', fd, address, address.length)
  if ('errno' in bound) return bound
  const mark = randomInt(1, 0x7fffffff)
  const asked = ask(fd, PROC_CN_MCAST_LISTEN, mark)
  if ('errno' in asked) return asked
  const error = awaitConfirmation(fd, mark)
  if (error === 0) return asked
  ask(fd, PROC_CN_MCAST_IGNORE)
  return { errno: error === undefined ? 'ENOTSUP' : getSystemErrorName(-error) }
}

/**
 * What is asked from another pid or user namespace is dropped in silence: who gets no answer hears at most what others have
 * asked for. What happened before the answer is left out.
 */
function awaitConfirmation(fd: number, mark: number): number | undefined {
  const buffer = Buffer.alloc(4_096)
  // struct pollfd: file, events, events that came.
  const file = Buffer.alloc(8)
  file.writeInt32LE(fd, 0)
  file.writeInt16LE(POLLIN, 4)
  const until = performance.now() + confirmMs
  for (let leftMs: number = confirmMs; leftMs > 0; leftMs = until - performance.now()) {
    call('poll', file, 1, Math.ceil(leftMs))
    const outcome = call('recv', fd, buffer, buffer.length, MSG_DONTWAIT)
    const error = 'value' in outcome ? confirmationOf(buffer.subarray(0, outcome.value), mark) : undefined
    if (error !== undefined) return error
  }
  return undefined
}

/** Pure. The number of the error (0: none) when this confirms what was asked with this mark. */
export function confirmationOf(message: Buffer, mark: number): number | undefined {
  const event = message.subarray(headBytes)
  // struct cn_msg: the kernel gives back the mark plus one. struct proc_event: what at 0, from 16 the error.
  if (event.length < 20 || message.readUInt32LE(16) !== CN_IDX_PROC || event.readUInt32LE(0) !== PROC_EVENT_NONE)
    return undefined
  return message.readUInt32LE(28) === mark + 1 ? event.readUInt32LE(16) : undefined
}

function ask(fd: number, operation: number, mark = 0): Outcome {
  const message = Buffer.alloc(headBytes + 4)
  message.writeUInt32LE(message.length, 0)
  message.writeUInt16LE(NLMSG_DONE, 4)
  message.writeUInt32LE(CN_IDX_PROC, 16)
  message.writeUInt32LE(CN_VAL_PROC, 20)
  message.writeUInt32LE(mark, 28)
  message.writeUInt16LE(4, 32)
  message.writeUInt32LE(operation, headBytes)
  return call('send', fd, message, message.length, 0)
}

/** Pure. Undefined for what is not told: threads, confirmations, changes of ids. */
export function parseEvent(message: Buffer): ProcessEvent | undefined {
  // struct proc_event: what at 0, processor, time; from 16 thread and process, for a birth the parent's and then the child's.
  const event = message.subarray(headBytes)
  if (event.length < 32 || message.readUInt32LE(16) !== CN_IDX_PROC) return undefined
  const [first, second] = [event.readUInt32LE(16), event.readUInt32LE(20)]
  switch (event.readUInt32LE(0)) {
    case PROC_EVENT_FORK: {
      const pid = event.readUInt32LE(28)
      return event.readUInt32LE(24) === pid ? { kind: 'born', pid, parent: second } : undefined
    }
    case PROC_EVENT_EXEC:
      return { kind: 'executed', pid: second }
    case PROC_EVENT_EXIT:
      return first === second ? { kind: 'ended', pid: second } : undefined
    default:
      return undefined
  }
}

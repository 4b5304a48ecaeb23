import { readdirSync } from 'node:fs'
import { GatewayError } from '../gateway/errors.ts'
import { call, pinned } from '../gateway/packet/libc.ts'

// include/uapi/linux/bpf_common.h, include/uapi/linux/seccomp.h
const LOAD = 0x20
const AND = 0x54
const JUMP_IF_EQUAL = 0x15
const RETURN = 0x06
const SECCOMP_RET_ALLOW = 0x7fff0000
const SECCOMP_RET_ERRNO = 0x00050000
const SECCOMP_SET_MODE_FILTER = 1
const SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4
// include/uapi/asm-generic/errno.h
const EPERM = 1
const ENOSYS = 38
const EAFNOSUPPORT = 97
/**
 * Families of sockets that belong to no network namespace, with their numbers of include/linux/socket.h: RDS goes over
 * InfiniBand from the machine's own, IUCV and VSOCK lead to the hypervisor, ISDN to a telephone line, QIPCRTR to a modem.
 */
const outside = { RDS: 21, IUCV: 32, ISDN: 34, VSOCK: 40, QIPCRTR: 42 } as const
/** Requests that type into a terminal, as if the user had (include/uapi/asm-generic/ioctls.h): what shares ours could speak to our shell. */
const typing = { TIOCSTI: 0x5412, TIOCLINUX: 0x541c } as const
// The same number on every architecture.
const io_uring_setup = 425

/** struct seccomp_data: number at 0, architecture at 4, arguments of 8 bytes from 16. */
const field = { number: 0, architecture: 4, firstArgument: 16, secondArgument: 24 } as const

/** One of the system call tables that a kernel serves. `multiplexed`: one call for all of sockets, whose family a filter cannot see. */
interface CallTable {
  /** AUDIT_ARCH_…, include/uapi/linux/audit.h */
  readonly architecture: number
  readonly socket: number
  /** x32 has a number of its own for it. */
  readonly ioctl: readonly number[]
  /** Whoever asks for a key that is missing has the kernel start a program outside: for a key of DNS, one that looks a name up there. */
  readonly request_key: number
  readonly multiplexed?: number
  /** Bits of the call's number that do not count (x32). */
  readonly ignored?: number
}

interface Machine {
  /** Number of `seccomp` itself. */
  readonly seccomp: number
  readonly tables: readonly CallTable[]
}

const machines: Readonly<Record<string, Machine>> = {
  x64: {
    seccomp: 317,
    tables: [
      { architecture: 0xc000003e, socket: 41, ioctl: [16, 514], request_key: 249, ignored: 0x40000000 },
      { architecture: 0x40000003, socket: 359, ioctl: [54], request_key: 287, multiplexed: 102 },
    ],
  },
  arm64: {
    seccomp: 277,
    tables: [
      { architecture: 0xc00000b7, socket: 198, ioctl: [29], request_key: 218 },
      { architecture: 0x40000028, socket: 281, ioctl: [54], request_key: 310 },
    ],
  },
}

let isConfined = false

/**
 * Puts a seccomp filter on this thread, for good, and so on all that it starts: no sockets that belong to no network
 * namespace, no io_uring, which makes sockets past any filter, no keys by request (all as in containers), and nothing that
 * types into a terminal. This process needs none of them. Repeating it does nothing.
 * @throws GatewayError LAUNCH_FAILED when the kernel has no seccomp or the machine is of another kind
 */
export function confineThread(): void {
  if (isConfined) return
  const machine = machines[process.arch]
  if (machine === undefined) {
    throw new GatewayError('LAUNCH_FAILED', `no filter of system calls for ${process.arch}`, {
      details: { arch: process.arch },
    })
  }
  const program = Buffer.concat(renderFilter(machine.tables).map(instruction))
  // struct sock_fprog, include/uapi/linux/filter.h: count at 0, pointer at 8; the instructions follow it here.
  const { memory, base } = pinned(16 + program.length)
  memory.writeUInt16LE(program.length / 8, 0)
  memory.writeBigUInt64LE(base + 16n, 8)
  memory.set(program, 16)
  const outcome = call('syscall', machine.seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, memory)
  if ('errno' in outcome) {
    throw new GatewayError('LAUNCH_FAILED', `the kernel refuses a filter of system calls: ${outcome.errno}`, {
      details: { errno: outcome.errno },
    })
  }
  isConfined = true
}

/** The filters of the machines we know, for tests that can have only one of them. */
export function filterOf(arch: string): readonly Instruction[] {
  return renderFilter(machines[arch]?.tables ?? [])
}

/** One instruction of classic BPF (struct sock_filter): operation, where to go if true and if false, value. */
export type Instruction = readonly [operation: number, ifTrue: number, ifFalse: number, value: number]

/** The filter. An unknown architecture gets no system call at all. Pure. */
function renderFilter(tables: readonly CallTable[]): readonly Instruction[] {
  const code: Instruction[] = [[LOAD, 0, 0, field.architecture]]
  for (const { architecture, socket, ioctl, request_key, multiplexed, ignored = 0 } of tables) {
    const body: readonly Instruction[] = [
      [LOAD, 0, 0, field.number],
      [AND, 0, 0, ~ignored >>> 0],
      ...refuse(io_uring_setup, ENOSYS),
      ...refuse(request_key, ENOSYS),
      ...(multiplexed === undefined ? [] : refuse(multiplexed, ENOSYS)),
      ...refuseArgument(socket, field.firstArgument, Object.values(outside), EAFNOSUPPORT),
      // Only the lower half: the kernel takes no more of it.
      ...ioctl.flatMap(number => refuseArgument(number, field.secondArgument, Object.values(typing), EPERM)),
      [RETURN, 0, 0, SECCOMP_RET_ALLOW],
    ]
    code.push([JUMP_IF_EQUAL, 0, body.length, architecture], ...body)
  }
  return [...code, [RETURN, 0, 0, SECCOMP_RET_ERRNO | ENOSYS]]
}

/** Refuses a call whose argument is one of these. The number of the call is loaded, before and, for other calls, after. */
function refuseArgument(
  number: number,
  argument: number,
  values: readonly number[],
  errno: number,
): readonly Instruction[] {
  const body: readonly Instruction[] = [
    [LOAD, 0, 0, argument],
    ...values.flatMap(value => refuse(value, errno)),
    [RETURN, 0, 0, SECCOMP_RET_ALLOW],
  ]
  return [[JUMP_IF_EQUAL, 0, body.length, number], ...body]
}

function refuse(value: number, errno: number): readonly Instruction[] {
  return [
    [JUMP_IF_EQUAL, 0, 1, value],
    [RETURN, 0, 0, SECCOMP_RET_ERRNO | errno],
  ]
}

function instruction([operation, ifTrue, ifFalse, value]: Instruction): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt16LE(operation, 0)
  bytes[2] = ifTrue
  bytes[3] = ifFalse
  bytes.writeUInt32LE(value >>> 0, 4)
  return bytes
}

// include/uapi/asm-generic/fcntl.h
const F_SETFD = 2
const FD_CLOEXEC = 1

/** Keeps every descriptor but standard input, output and error from the programs we start, also those we inherited. */
export function keepDescriptors(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name)
    // The folder's own descriptor is in its list, and closed by now: that error is none.
    if (fd > 2) call('fcntl', fd, F_SETFD, FD_CLOEXEC)
  }
}

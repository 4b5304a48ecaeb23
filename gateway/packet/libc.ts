import koffi from 'koffi'
import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { GatewayError } from '../errors.ts'

/**
 * The C library, where Node has no call of its own. This is the one file that loads koffi. Structures are built and read
 * by the callers in buffers, byte by byte, so that each layout stands beside the name of the kernel header it comes from.
 */
const lib = koffi.load(null)

/** What a call takes: integers, buffers (by address) or a null pointer. */
type Argument = number | bigint | Uint8Array | null

const calls = {
  socket: lib.func('int socket(int domain, int type, int protocol)'),
  bind: lib.func('int bind(int fd, void *address, uint32_t length)'),
  listen: lib.func('int listen(int fd, int backlog)'),
  connect: lib.func('int connect(int fd, void *address, uint32_t length)'),
  setsockopt: lib.func('int setsockopt(int fd, int level, int name, void *value, uint32_t length)'),
  getsockopt: lib.func('int getsockopt(int fd, int level, int name, void *value, void *length)'),
  getsockname: lib.func('int getsockname(int fd, void *address, void *length)'),
  send: lib.func('int64_t send(int fd, void *data, size_t length, int flags)'),
  recv: lib.func('int64_t recv(int fd, void *data, size_t length, int flags)'),
  recvmsg: lib.func('int64_t recvmsg(int fd, void *message, int flags)'),
  recvmmsg: lib.func('int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout)'),
  sendmmsg: lib.func('int sendmmsg(int fd, void *messages, unsigned int count, int flags)'),
  fcntl: lib.func('int fcntl(int fd, int command, long argument)'),
  ioctl: lib.func('int ioctl(int fd, unsigned long request, void *argument)'),
  setns: lib.func('int setns(int fd, int kind)'),
  tcgetpgrp: lib.func('int tcgetpgrp(int fd)'),
  getpgrp: lib.func('int getpgrp()'),
  pipe2: lib.func('int pipe2(void *fds, int flags)'),
  // The handler as a number: pointers are as long.
  signal: lib.func('long signal(int number, long handler)'),
  prctl: lib.func('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)'),
  capset: lib.func('int capset(void *header, void *data)'),
  syscall: lib.func('long syscall(long number, unsigned long a, unsigned long b, void *c)'),
  poll: lib.func('int poll(void *fds, unsigned long count, int timeout)'),
  fanotify_init: lib.func('int fanotify_init(unsigned int flags, unsigned int event_flags)'),
  fanotify_mark: lib.func('int fanotify_mark(int fd, unsigned int flags, uint64_t mask, int folder, void *path)'),
  name_to_handle_at: lib.func('int name_to_handle_at(int folder, void *path, void *handle, void *mount, int flags)'),
} as const

/** Names of the C functions that can be called. */
export type CallName = keyof typeof calls

/** The outcome of a call: its value, or the name of the error (`EAGAIN`). */
export type Outcome = { readonly value: number } | { readonly errno: string }

/** Calls a C function; a result below zero is a failure. */
export function call(name: CallName, ...args: readonly Argument[]): Outcome {
  const value = Number(calls[name](...args))
  return value < 0 ? { errno: errnoName(koffi.errno()) } : { value }
}

/** Node has no name of its own for those that it never passes on (`EINPROGRESS`). */
function errnoName(number: number): string {
  const named = getSystemErrorName(-number)
  if (!named.startsWith('Unknown')) return named
  return Object.entries(constants.errno).find(([, value]) => value === number)?.[0] ?? named
}

/**
 * Calls a C function that must succeed.
 * @throws GatewayError SOCKET_FAILED, `details.errno` names the error; `what` says what was being done.
 */
export function must(what: string, name: CallName, ...args: readonly Argument[]): number {
  const outcome = call(name, ...args)
  if ('value' in outcome) return outcome.value
  throw new GatewayError('SOCKET_FAILED', `${what}: ${name}: ${outcome.errno}`, {
    details: { call: name, errno: outcome.errno },
  })
}

/** Memory that does not move, for structures that hold pointers into it; `base` is the address of its first byte. */
export function pinned(bytes: number): { readonly memory: Buffer; readonly base: bigint } {
  const memory = new ArrayBuffer(bytes)
  return { memory: Buffer.from(memory), base: koffi.address(memory) }
}

/**
 * Gives memory that is free back to the machine. Only the GNU C library has to be asked: it keeps what was needed once
 * (7 of 90 MB after the start, measured). Elsewhere this does nothing.
 */
export function releaseFreeMemory(): void {
  trimmer ??= findTrimmer()
  trimmer(0)
}

let trimmer: ((pad: number) => unknown) | undefined

function findTrimmer(): (pad: number) => unknown {
  try {
    return lib.func('int malloc_trim(size_t pad)')
  } catch {
    // musl has none.
    return () => undefined
  }
}

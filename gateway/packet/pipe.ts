import { must } from './libc.ts'

// include/uapi/asm-generic/fcntl.h
const O_CLOEXEC = 0o2000000

/** The two ends of a pipe, to be closed by the caller. Programs we start have neither, unless it is given to them. */
export interface PipeEnds {
  readonly read: number
  readonly write: number
}

/**
 * Makes a pipe. What `node:child_process` makes is a socket, and `/dev/stdout` of a program cannot be opened on that.
 * @throws GatewayError SOCKET_FAILED
 */
export function openPipe(): PipeEnds {
  const ends = Buffer.alloc(8)
  must('make a pipe', 'pipe2', ends, O_CLOEXEC)
  return { read: ends.readInt32LE(0), write: ends.readInt32LE(4) }
}

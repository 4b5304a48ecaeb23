import { must } from './libc.ts'

// include/uapi/linux/prctl.h
const PR_SET_DUMPABLE = 4

/**
 * Closes the memory of this process, which is the only place of the authority's key: no core dump of it is written, and no
 * other process may look into it or trace it, not even one of the same user, but with CAP_SYS_PTRACE. Programs that we start
 * are not closed: `exec` undoes it for them.
 * @throws GatewayError SOCKET_FAILED
 */
export function closeOwnMemory(): void {
  must('close the memory to others', 'prctl', PR_SET_DUMPABLE, 0, 0, 0, 0)
}

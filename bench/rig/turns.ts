import { familyOf } from './process-tree.ts'

const daemons = new Set<number>()

/**
 * Enters a peer, by the top of its processes, among those that rest while it is not their turn; `leave` wakes it for its end.
 * A peer that was asked for more than it can do works on long after its turn, on the core of the one whose turn it is.
 */
export function enterTurns(pid: number | undefined): { leave(): void } {
  // It was not started; and 0 would be all of us.
  if (pid === undefined || pid === 0) return { leave: () => undefined }
  daemons.add(pid)
  return {
    leave() {
      daemons.delete(pid)
      signal(pid, 'SIGCONT')
    },
  }
}

/** Lets one peer run, or none, and all others rest. */
export function giveTurn(turn: number | undefined): void {
  for (const pid of daemons) signal(pid, pid === turn ? 'SIGCONT' : 'SIGSTOP')
}

function signal(pid: number, name: 'SIGCONT' | 'SIGSTOP'): void {
  for (const member of familyOf(pid)) {
    try {
      process.kill(member, name)
    } catch {
      // It has ended by itself.
    }
  }
}

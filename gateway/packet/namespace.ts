import { closeSync, constants, openSync } from 'node:fs'
import { GatewayError } from '../errors.ts'
import { call, must } from './libc.ts'

/** Kinds of namespaces that one thread of many may enter, with their numbers of include/uapi/linux/sched.h. */
const kinds = { net: 0x40000000, pid: 0x20000000 } as const

/** Namespaces of a process, held open: the handle stays good when that process is gone. */
export interface Namespaces extends Disposable {
  /**
   * Calls `action` with this thread in the namespaces, and is back when it returns or throws. A socket made inside belongs
   * to the namespace for good, and so does a process started inside. `action` must not wait for anything: what would run
   * meanwhile would run in there.
   * @throws GatewayError SOCKET_FAILED when a namespace cannot be entered
   */
  run<Result>(action: () => Result): Result
}

/** A network namespace. */
export type NetworkNamespace = Namespaces

/**
 * Opens namespaces of a process, by its pid: by default the network's alone. Entering a pid namespace counts for the
 * processes that are started, not for this one.
 * @throws GatewayError SOCKET_FAILED
 */
export function openNamespaces(pid: number, which: readonly (keyof typeof kinds)[] = ['net']): Namespaces {
  return open(which.map(kind => ({ kind, path: `/proc/${pid}/ns/${kind}` })))
}

/**
 * Opens a network namespace by a file that shows it, as engines keep one for each container.
 * @throws GatewayError SOCKET_FAILED; a file that shows none is found out by the first `run`
 */
export function openNetworkNamespace(path: string): NetworkNamespace {
  // A name in a folder that others may write to: a link could lead elsewhere, and a pipe would be waited for. Those of /proc are links.
  return open([{ kind: 'net', path, flags: constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK }])
}

interface Place {
  readonly kind: keyof typeof kinds
  readonly path: string
  readonly flags?: number
}

function open(which: readonly Place[]): Namespaces {
  using opening = new DisposableStack()
  const hold = (path: string, flags?: number): number => opening.adopt(openFile(path, flags), closeSync)
  const pairs = which.map(({ kind, path, flags }) => ({
    kind,
    home: hold(`/proc/thread-self/ns/${kind}`),
    there: hold(path, flags),
  }))
  const owned = opening.move()
  return {
    run(action) {
      try {
        for (const { kind, there } of pairs) must(`enter the job’s ${kind} namespace`, 'setns', there, kinds[kind])
        return action()
      } finally {
        for (const { kind, home } of pairs) {
          // A gateway that goes on in the job's namespace would be worse than none.
          if ('errno' in call('setns', home, kinds[kind])) process.abort()
        }
      }
    },
    [Symbol.dispose]: () => owned.dispose(),
  }
}

function openFile(path: string, flags: number = constants.O_RDONLY): number {
  try {
    return openSync(path, flags)
  } catch (cause) {
    throw new GatewayError('SOCKET_FAILED', `cannot open ${path}`, { cause })
  }
}

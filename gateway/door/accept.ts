import type { Socket } from 'node:net'
import type { Door } from './door.ts'
import { handleConnection } from './route.ts'

/**
 * Takes a connection from the listener of a job. The listener must allow half open (`allowHalfOpen: true`), so that one
 * direction can end before the other.
 */
export function accept(socket: Socket, door: Door): void {
  const handled = handleConnection(socket, door).catch((cause: unknown) => {
    socket.destroy()
    door.onFault(cause)
  })
  door.track(handled)
}

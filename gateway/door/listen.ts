import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { accept } from './accept.ts'
import type { Door } from './door.ts'

/** The listener of a front door. Disposing stops it, ends the connections, and waits until each of them is written down. */
export interface Listening extends AsyncDisposable {
  /** Takes no more connections; those that are open go on. */
  stop(): void
}

/** Serves the one listener for every TCP connection of the job. `descriptor` is its bound socket, owned from here on. */
export async function listen(descriptor: number, door: Door, signal: AbortSignal): Promise<Listening> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, highWaterMark: 65_536 })
  server.on('connection', (socket: Socket) => accept(socket, door))
  server.listen({ fd: descriptor })
  await once(server, 'listening', { signal })
  // A connection that cannot be accepted (no descriptor left) is not there; unheard, the error would end the process.
  server.on('error', door.onFault)
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  server.once('close', resolve)
  return {
    stop: () => void server.close(),
    async [Symbol.asyncDispose]() {
      server.close()
      await door.end()
      await closed
    },
  }
}

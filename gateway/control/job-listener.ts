import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { GatewayError } from '../errors.ts'

/** How a job's own socket is listened on. */
export interface JobListenerOptions {
  /** `job.sock` in the job's folder. */
  readonly path: string
  /** What comes beyond that is closed at once. */
  readonly mostConnections: number
  /** A connection is ended after so long, whatever it does, in milliseconds. */
  readonly lifeMs: number
  /** Serves one connection. Errors of the socket are dealt with: they end it. */
  readonly converse: (socket: Socket) => void
  /** Told of what should never happen. */
  readonly onFault: (cause: unknown) => void
}

/**
 * Listens on a job's own socket. Everyone in the job may connect, so all of it is bounded. Disposing cuts what is connected
 * and removes the file.
 * @throws GatewayError SOCKET_FAILED
 */
export async function listenForJob(options: JobListenerOptions, signal: AbortSignal): Promise<AsyncDisposable> {
  const { path, mostConnections, lifeMs, converse, onFault } = options
  const open = new Set<Socket>()
  // Half open: a client that has sent all it wants to (`nc -N`) still gets its reply.
  const server = createServer({ allowHalfOpen: true }, socket => {
    if (open.size >= mostConnections) {
      socket.destroy()
      return
    }
    open.add(socket)
    const end = setTimeout(() => socket.destroy(), lifeMs)
    socket.once('close', () => {
      clearTimeout(end)
      open.delete(socket)
    })
    socket.on('error', () => socket.destroy())
    converse(socket)
  })
  try {
    rmSync(path, { force: true })
    server.listen(path)
    await once(server, 'listening', { signal })
    // The job's steps may run as anyone.
    chmodSync(path, 0o666)
  } catch (cause) {
    server.close()
    if (signal.aborted) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new GatewayError('SOCKET_FAILED', `the job's socket ${path} cannot be opened: ${why}`, { cause })
  }
  server.on('error', onFault)
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  server.once('close', resolve)
  return {
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}

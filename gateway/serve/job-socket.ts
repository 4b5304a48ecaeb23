import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { Lines } from '../control/lines.ts'
import { GatewayError } from '../errors.ts'
import { JobDesk, type DeskJob, type DeskReply } from './job-desk.ts'
import { jobRequest, maxRequestBytes } from './job-requests.ts'

/** What a job's own socket is served with. */
export interface JobSocketOptions {
  /** `job.sock` in the job's run folder. */
  readonly path: string
  readonly job: DeskJob
  /** Told of what should never happen. */
  readonly onFault: (cause: unknown) => void
  /** A connection is ended after so long, whatever it does, in milliseconds; default 30,000. */
  readonly lifeMs?: number
}

/** More than the steps of a pipeline ask at once. */
const mostConnections = 16

/**
 * Serves the job's own socket: one request a line, one reply a line, in order. Everyone in the job may connect; nobody gains
 * anything by it. Disposing closes it and removes the file.
 * @throws GatewayError SOCKET_FAILED
 */
export async function openJobSocket(options: JobSocketOptions, signal: AbortSignal): Promise<AsyncDisposable> {
  const { path, job, onFault, lifeMs = 30_000 } = options
  const desk = new JobDesk(job)
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
    converse(socket, desk, onFault)
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

function converse(socket: Socket, desk: JobDesk, onFault: (cause: unknown) => void): void {
  const lines = new Lines(maxRequestBytes)
  const waiting: string[] = []
  let hasEnded = false
  const next = (): void => {
    // One at a time, and the next only when the client has read what it was told: nothing piles up here.
    for (let line = waiting.shift(); line !== undefined && !socket.destroyed; line = waiting.shift()) {
      if (!say(socket, reply(line, desk))) return void socket.once('drain', () => attempt(next))
    }
    if (hasEnded) socket.end()
    else socket.resume()
  }
  const take = (chunk: Buffer): void => {
    const whole = lines.push(chunk)
    if (whole === undefined) {
      say(socket, invalid(`a request is longer than ${maxRequestBytes} bytes`))
      return socket.destroySoon()
    }
    socket.pause()
    waiting.push(...whole)
    attempt(next)
  }
  const attempt = (action: () => void): void => {
    try {
      action()
    } catch (cause) {
      onFault(cause)
      socket.destroy()
    }
  }
  socket.on('error', () => socket.destroy())
  socket.on('data', take)
  socket.on('end', () => {
    hasEnded = true
    if (waiting.length === 0) socket.end()
  })
}

function say(socket: Socket, answer: DeskReply): boolean {
  return socket.write(`${JSON.stringify(answer)}\n`)
}

function reply(line: string, desk: JobDesk): DeskReply {
  let raw: unknown
  try {
    raw = JSON.parse(line)
  } catch {
    return invalid('a request is one line of JSON')
  }
  const parsed = jobRequest.safeParse(raw)
  if (parsed.success) return desk.answer(parsed.data)
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'request'}: ${message}`)
  return invalid(faults.join('; ').slice(0, 1_000))
}

function invalid(error: string): DeskReply {
  return { ok: false, code: 'REQUEST_INVALID', error }
}

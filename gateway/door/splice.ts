import type { Socket } from 'node:net'
import type { ErrorCode } from '../errors.ts'
import type { OpenFlow } from '../record/event.ts'
import { spent } from '../upstream/spent-buffers.ts'

/** The two ends of a connection that is carried as it is; the splice owns both. */
export interface Ends {
  readonly client: Socket
  readonly origin: Socket
  /** What the client said before, to be sent first. */
  readonly unread: Buffer
  /** Milliseconds without a byte in either direction until both ends are closed. */
  readonly idleMs: number
  /** Aborted when the job has ended. */
  readonly ending: AbortSignal
  /** Shown what the client says; false when it must not be sent. */
  readonly mayPass?: ((part: Buffer) => boolean) | undefined
}

/**
 * Copies bytes both ways until both directions have ended, counting them in `flow`. A closed direction is closed on the
 * other side too, and only it; a reset on one side is a reset on the other; a slow reader slows the writer.
 * Settles when both sockets are closed. The code says what ended it early, if anything did.
 */
export async function splice(ends: Ends, flow: OpenFlow): Promise<ErrorCode | undefined> {
  const { client, origin } = ends
  let fault: ErrorCode | undefined
  const fail = (code: ErrorCode): void => {
    fault ??= code
    // A reset tells the other side that bytes may be missing; a plain end would claim that these were all.
    client.resetAndDestroy()
    origin.resetAndDestroy()
  }
  client.on('error', () => fail('CLIENT_ABORTED'))
  origin.on('error', () => fail('UPSTREAM_TRUNCATED'))
  const idle = setTimeout(() => fail('CLIENT_TIMEOUT'), ends.idleMs)
  const end = (): void => {
    if (!origin.writableFinished) return fail('CLIENT_ABORTED')
    // The job had said all that it wanted to say, and it is out.
    client.resetAndDestroy()
    origin.destroy()
  }
  ends.ending.addEventListener('abort', end, { once: true })
  if (ends.ending.aborted) end()

  const { mayPass } = ends
  if (ends.unread.length > 0) {
    flow.sent += ends.unread.length
    origin.write(ends.unread)
  }
  const closed = Promise.all([closeOf(client), closeOf(origin)])
  const sent = (count: number): void => {
    flow.sent += count
    idle.refresh()
  }
  copy(client, origin, sent, mayPass)
  copy(origin, client, count => {
    flow.received += count
    idle.refresh()
  })
  await closed
  clearTimeout(idle)
  ends.ending.removeEventListener('abort', end)
  return fault
}

function copy(from: Socket, to: Socket, onBytes: (count: number) => void, mayPass?: (part: Buffer) => boolean): void {
  from.on('data', (chunk: Buffer) => {
    if (mayPass !== undefined && !mayPass(chunk)) return
    onBytes(chunk.length)
    spent(chunk.length)
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
  from.once('end', () => to.end())
  from.once('close', () => {
    if (!to.writableEnded) to.destroy()
  })
  if (from.readableEnded) to.end()
  if (from.destroyed) to.destroy()
  from.resume()
}

function closeOf(socket: Socket): Promise<void> {
  return new Promise(resolve => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })
}

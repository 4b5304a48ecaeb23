import type { Socket } from 'node:net'
import { listenForJob } from '../control/job-listener.ts'
import { Lines } from '../control/lines.ts'
import { sourceLifeMs } from '../control/source-requests.ts'
import { JobDesk, type DeskJob, type DeskReply } from './job-desk.ts'
import { jobRequest, maxRequestBytes } from './job-requests.ts'

/** What a job's own socket is served with. */
export interface JobSocketOptions {
  /** `job.sock` in the job's run folder. */
  readonly path: string
  readonly job: DeskJob
  /** Told of what should never happen. */
  readonly onFault: (cause: unknown) => void
  /** A connection is ended after so long, whatever it does, in milliseconds; default 90,000. */
  readonly lifeMs?: number
}

/** More than the steps of a pipeline ask at once. */
const mostConnections = 16

/**
 * Serves the job's own socket: one request a line, one reply a line, in order. Everyone in the job may connect; nobody gains
 * anything by it. Disposing closes it and removes the file.
 * @throws GatewayError SOCKET_FAILED
 */
export function openJobSocket(options: JobSocketOptions, signal: AbortSignal): Promise<AsyncDisposable> {
  const { path, job, onFault, lifeMs = sourceLifeMs } = options
  const desk = new JobDesk(job)
  const converse = (socket: Socket): void => answerLines(socket, desk, onFault)
  return listenForJob({ path, mostConnections, lifeMs, converse, onFault }, signal)
}

function answerLines(socket: Socket, desk: JobDesk, onFault: (cause: unknown) => void): void {
  const lines = new Lines(maxRequestBytes)
  const waiting: string[] = []
  let hasEnded = false
  let isAnswering = false
  // One at a time, and the next only when the client has read what it was told: nothing piles up here.
  const next = async (): Promise<void> => {
    isAnswering = true
    for (let line = waiting.shift(); line !== undefined && !socket.destroyed; line = waiting.shift()) {
      if (!say(socket, await reply(line, desk))) return void socket.once('drain', goOn)
    }
    isAnswering = false
    if (hasEnded) socket.end()
    else socket.resume()
  }
  const goOn = (): void =>
    void next().catch((cause: unknown) => {
      onFault(cause)
      socket.destroy()
    })
  socket.on('data', (chunk: Buffer) => {
    const whole = lines.push(chunk)
    if (whole === undefined) {
      say(socket, invalid(`a request is longer than ${maxRequestBytes} bytes`))
      return socket.destroySoon()
    }
    socket.pause()
    waiting.push(...whole)
    if (!isAnswering) goOn()
  })
  socket.on('end', () => {
    hasEnded = true
    if (!isAnswering) socket.end()
  })
}

function say(socket: Socket, answer: DeskReply): boolean {
  return socket.write(`${JSON.stringify(answer)}\n`)
}

async function reply(line: string, desk: JobDesk): Promise<DeskReply> {
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

import { once } from 'node:events'
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { dirname } from 'node:path'
import type { z } from 'zod'
import { Lines } from '../control/lines.ts'
import { controlRequest, maxLineBytes, type refusal } from '../control/protocol.ts'
import { GatewayError } from '../errors.ts'

export type ControlRequest = z.output<typeof controlRequest>
export type Refusal = z.input<typeof refusal>
/** What a request is answered with, as the protocol has it for its kind. */
export type Reply = Readonly<Record<string, unknown>> & { readonly ok: boolean }

/** The connection that a request came by: what it attached, and has not proved, lives as long as it. */
export interface Requester {
  /** Aborted when the connection is closed, by whichever side. */
  readonly closed: AbortSignal
  /** Says why what was attached here is over, and closes the connection. */
  giveUp(why: Refusal): void
}

/** What the control socket serves. */
export interface ControlOptions {
  readonly path: string
  /** Answers one request. What it throws is a refusal. */
  readonly answer: (request: ControlRequest, from: Requester) => Promise<Reply>
  /** Told of what should never happen. */
  readonly onFault: (cause: unknown) => void
  /** Default 10,000. */
  readonly idleMs?: number
}

const mostConnections = 256

/**
 * Serves the control socket: one request a line, one reply a line, in order (gateway/control/protocol.ts). Only its owner,
 * root, may connect. A socket that a dead gateway left is replaced.
 * @throws GatewayError PORT_IN_USE when another gateway listens there, SOCKET_FAILED
 */
export async function openControlServer(options: ControlOptions, signal: AbortSignal): Promise<AsyncDisposable> {
  const { path } = options
  await makeRoom(path)
  const open = new Set<Socket>()
  const server = createServer(socket => {
    if (open.size >= mostConnections) {
      socket.destroy()
      return
    }
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    converse(socket, options).catch(options.onFault)
  })
  // Nobody else may connect in the moment before chmod either.
  const before = process.umask(0o177)
  try {
    server.listen(path)
    await once(server, 'listening', { signal })
    chmodSync(path, 0o600)
  } catch (cause) {
    server.close()
    throw signal.aborted ? cause : socketFailed(path, cause)
  } finally {
    process.umask(before)
  }
  server.on('error', options.onFault)
  return {
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}

async function makeRoom(path: string): Promise<void> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw socketFailed(path, cause)
  }
  const socket = createConnection({ path })
  try {
    await once(socket, 'connect')
  } catch {
    // Nobody listens: what lies there, if anything, is left over.
    rmSync(path, { force: true })
    return
  } finally {
    socket.destroy()
  }
  throw new GatewayError('PORT_IN_USE', `another gateway listens on ${path}`, { details: { path } })
}

/** Serves one connection until it closes; requests wait for each other. */
async function converse(socket: Socket, options: ControlOptions): Promise<void> {
  const { idleMs = 10_000 } = options
  const closing = new AbortController()
  const lines = new Lines(maxLineBytes)
  const say = (reply: Reply): void => void socket.write(`${JSON.stringify(reply)}\n`)
  let attached = false
  const requester: Requester = {
    closed: closing.signal,
    giveUp(why) {
      if (socket.destroyed) return
      say(why)
      socket.end()
    },
  }
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  // Who has attached something lays and proves it now, for which the registry has limits of its own.
  socket.setTimeout(idleMs, () => {
    if (!attached) socket.destroy()
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    closing.abort()
    resolve()
  })
  let before: Promise<void> = Promise.resolve()
  const take = async (line: string, earlier: Promise<void>): Promise<void> => {
    await earlier
    if (closing.signal.aborted) return
    const request = parseRequest(line)
    if ('ok' in request) return say(request)
    if (request.op === 'attach') attached = true
    const reply = await answerOne(options, request, requester)
    // Of a fault of ours there is nothing to say.
    if (reply === undefined) socket.destroy()
    else if (socket.writable) say(reply)
  }
  socket.on('data', (chunk: Buffer) => {
    const whole = lines.push(chunk)
    if (whole === undefined) {
      requester.giveUp(refuse('REQUEST_INVALID', `a request is longer than ${maxLineBytes} bytes`))
      return
    }
    for (const line of whole) before = take(line, before)
    // Whoever asks faster than it is answered waits.
    socket.pause()
    void before.then(() => socket.resume())
  })
  await closed
  await before
}

async function answerOne(
  { answer, onFault }: ControlOptions,
  request: ControlRequest,
  requester: Requester,
): Promise<Reply | undefined> {
  try {
    return await answer(request, requester)
  } catch (cause) {
    if (cause instanceof GatewayError) return refusalOf(cause)
    onFault(cause)
    return undefined
  }
}

function parseRequest(line: string): ControlRequest | Refusal {
  let raw: unknown
  try {
    raw = JSON.parse(line)
  } catch {
    return refuse('REQUEST_INVALID', 'a request is one line of JSON')
  }
  const parsed = controlRequest.safeParse(raw)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'request'}: ${message}`)
  return refuse('REQUEST_INVALID', faults.join('; ').slice(0, 1_000))
}

/** The refusal that tells of an error. */
export function refusalOf(error: GatewayError): Refusal {
  const faults = error.details['faults']
  const more = Array.isArray(faults) ? `: ${faults.join('; ')}` : ''
  return refuse(error.code, `${error.message}${more}`.slice(0, 2_000))
}

function refuse(code: string, error: string): Refusal {
  return { ok: false, code, error }
}

function socketFailed(path: string, cause: unknown): GatewayError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new GatewayError('SOCKET_FAILED', `the control socket ${path} cannot be opened: ${why}`, { cause })
}

import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import type { z } from 'zod'
import { Lines } from '../gateway/control/lines.ts'
import { type controlRequest, maxLineBytes, refusal } from '../gateway/control/protocol.ts'
import { fileFault, GatewayError } from '../gateway/errors.ts'

/** Where the gateway listens, in the volume that only it and the init have. */
export const defaultControlPath = '/run/tidegate-control/gateway.sock'

/** A connection to the gateway's control socket. Disposing closes it: what was attached on it and not proved is undone. */
export interface Control extends Disposable {
  /**
   * Asks one thing and waits for its reply; requests are answered in order.
   * @throws GatewayError GATEWAY_UNREACHABLE when the connection ends first or the reply is none, GATEWAY_REFUSED when the
   * gateway says why it ends the connection
   */
  ask<Reply>(request: ControlRequest, reply: z.ZodType<Reply>, limits: AskLimits): Promise<Reply>
  /** Aborted when the connection has ended, by whichever side; the reason is the error to show. */
  readonly closed: AbortSignal
}

type ControlRequest = z.input<typeof controlRequest>

/** How long a reply is waited for. */
export interface AskLimits {
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** @throws GatewayError GATEWAY_UNREACHABLE */
export async function openControl(path: string, signal: AbortSignal): Promise<Control> {
  const socket = createConnection({ path })
  try {
    await once(socket, 'connect', { signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]) })
  } catch (cause) {
    socket.destroy()
    throw unreachable(path, `no gateway answers at ${path}: ${connectFault(cause)}`, cause)
  }
  return converse(socket, path)
}

/** The error of a refusal. */
export function refused({ code, error }: { readonly code: string; readonly error: string }): GatewayError {
  return new GatewayError('GATEWAY_REFUSED', `the gateway refuses: ${error} (${code})`, { details: { code } })
}

function converse(socket: Socket, path: string): Control {
  const closing = new AbortController()
  const lines = new Lines(maxLineBytes)
  const waiting: ((line: string) => void)[] = []
  let lastWord: string | undefined
  socket.on('data', (chunk: Buffer) => {
    const whole = lines.push(chunk)
    if (whole === undefined) socket.destroy()
    for (const line of whole ?? []) {
      const take = waiting.shift()
      if (take !== undefined) take(line)
      // What nobody asked for is why the gateway gives up what was attached.
      else lastWord ??= line
    }
  })
  // 'close' follows.
  socket.on('error', () => socket.destroy())
  socket.on('close', () => closing.abort(whyClosed(lastWord, path)))
  return {
    closed: closing.signal,
    async ask(request, reply, { timeoutMs, signal }) {
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      const late = AbortSignal.timeout(timeoutMs)
      const stop = AbortSignal.any([closing.signal, late, signal])
      const onStop = (): void => reject(unanswered(closing.signal, late, path))
      if (stop.aborted) onStop()
      else stop.addEventListener('abort', onStop, { once: true })
      waiting.push(resolve)
      socket.write(`${JSON.stringify(request)}\n`)
      try {
        return parseReply(await promise, reply, path)
      } catch (cause) {
        // A reply that comes after all must not be taken for that of the next request.
        socket.destroy()
        throw cause
      } finally {
        stop.removeEventListener('abort', onStop)
      }
    },
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

function unanswered(closed: AbortSignal, late: AbortSignal, path: string): Error {
  if (closed.aborted && closed.reason instanceof GatewayError) return closed.reason
  if (late.aborted) return unreachable(path, `the gateway at ${path} does not answer in time`)
  return unreachable(path, 'stopped while the gateway was asked')
}

function whyClosed(lastWord: string | undefined, path: string): GatewayError {
  if (lastWord === undefined) return unreachable(path, `the gateway at ${path} closed the connection`)
  try {
    return refused(parseReply(lastWord, refusal, path))
  } catch (cause) {
    return cause instanceof GatewayError ? cause : unreachable(path, String(cause), cause)
  }
}

function parseReply<Reply>(line: string, schema: z.ZodType<Reply>, path: string): Reply {
  let raw: unknown
  try {
    raw = JSON.parse(line)
  } catch (cause) {
    throw unreachable(path, `what answers at ${path} is no gateway: its reply is no JSON`, cause)
  }
  const parsed = schema.safeParse(raw)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`
  throw unreachable(path, `the gateway at ${path} speaks another version: ${where}`, parsed.error)
}

function unreachable(path: string, message: string, cause?: unknown): GatewayError {
  return new GatewayError('GATEWAY_UNREACHABLE', message, {
    details: { path },
    ...(cause === undefined ? {} : { cause }),
  })
}

function connectFault(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'ECONNREFUSED') return 'nobody listens there any more'
  if (code === 'ABORT_ERR') return 'it does not take the connection in time'
  return fileFault(cause)
}

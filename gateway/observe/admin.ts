import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { GatewayError } from '../errors.ts'
import type { Metrics } from './metrics.ts'

export interface AdminOptions {
  /** An address of the uplink's side, never of the job's. */
  readonly host: string
  /** 0 lets the kernel choose. */
  readonly port: number
  readonly metrics: Metrics
  /** What is missing before builds may start; empty when ready. */
  readonly notReady: () => readonly string[]
}

/** The running admin server; disposing it closes it and its connections. */
export interface Admin extends AsyncDisposable {
  readonly port: number
}

/**
 * Serves `/metrics` (OpenMetrics when asked for), `/healthz` (the process answers) and `/readyz` (200, or 503 with what
 * is missing). GET and HEAD only; nothing here changes anything.
 * @throws GatewayError PORT_IN_USE, SOCKET_FAILED
 */
export async function openAdmin(options: AdminOptions, signal: AbortSignal): Promise<Admin> {
  const limits = { headersTimeout: 5_000, requestTimeout: 5_000, maxHeaderSize: 16_384, keepAliveTimeout: 30_000 }
  const server = createServer(limits, (request, response) => {
    answer(request, options).then(
      reply => send(request, response, reply),
      () => send(request, response, { status: 500, type: plainText, body: 'the metrics could not be rendered\n' }),
    )
  })
  server.maxConnections = 64
  server.maxHeadersCount = 64
  await listen(server, options, signal)
  return { port: portOf(server), [Symbol.asyncDispose]: () => close(server) }
}

interface Reply {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

const plainText = 'text/plain; charset=utf-8'

async function answer(request: IncomingMessage, { metrics, notReady }: AdminOptions): Promise<Reply> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, type: plainText, body: 'GET or HEAD\n', headers: { allow: 'GET, HEAD' } }
  }
  const [path = ''] = (request.url ?? '').split('?')
  switch (path) {
    case '/metrics': {
      const wanted = request.headers.accept?.includes('application/openmetrics-text') === true
      const { contentType, body } = await metrics.expose(wanted ? 'openmetrics' : 'prometheus')
      return { status: 200, type: contentType, body, headers: { vary: 'accept' } }
    }
    case '/healthz':
      return { status: 200, type: plainText, body: 'ok\n' }
    case '/readyz': {
      const missing = notReady()
      if (missing.length === 0) return { status: 200, type: plainText, body: 'ready\n' }
      return { status: 503, type: plainText, body: `not ready: ${missing.join(', ')}\n` }
    }
    default:
      return { status: 404, type: plainText, body: '/metrics /healthz /readyz\n' }
  }
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body, headers }: Reply): void {
  const length = Buffer.byteLength(body)
  response.writeHead(status, {
    'content-type': type,
    'content-length': length,
    'cache-control': 'no-store',
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

async function listen(server: Server, { host, port }: AdminOptions, signal: AbortSignal): Promise<void> {
  try {
    server.listen({ host, port })
    await once(server, 'listening', { signal })
  } catch (cause) {
    server.close()
    signal.throwIfAborted()
    const inUse = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new GatewayError(inUse ? 'PORT_IN_USE' : 'SOCKET_FAILED', `cannot serve metrics on ${host}:${port}: ${why}`, {
      cause,
    })
  }
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

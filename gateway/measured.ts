import { performance } from 'node:perf_hooks'
import type { ErrorCode } from './errors.ts'
import { GatewayError } from './errors.ts'
import type { Metrics } from './observe/metrics.ts'
import { connectTcp } from './upstream/dial.ts'
import type { OriginTls } from './upstream/origin-tls.ts'
import type { Connect } from './upstream/outside.ts'

/** TCP connections to the outside whose time to connect is measured. */
export function measuredConnect(metrics: Metrics): Connect {
  return (address, port) => {
    const startedAt = performance.now()
    const socket = connectTcp(address, port)
    socket.once('connect', () => metrics.upstreamConnected((performance.now() - startedAt) / 1_000))
    return socket
  }
}

/** TLS to origins whose handshakes are counted. */
export function measuredTls(tls: OriginTls, metrics: Metrics): OriginTls {
  return {
    async handshake(socket, to, signal) {
      try {
        const secure = await tls.handshake(socket, to, signal)
        metrics.handshake('origin', 'ok')
        return secure
      } catch (cause) {
        metrics.handshake('origin', cause instanceof GatewayError ? handshakeOutcome(cause.code) : 'failed')
        throw cause
      }
    },
  }
}

/** How a handshake that failed is counted. */
export function handshakeOutcome(code: ErrorCode | 'completed'): 'ok' | 'refused' | 'failed' | 'timeout' {
  switch (code) {
    case 'completed':
      return 'ok'
    case 'UPSTREAM_CERTIFICATE':
    case 'CLIENT_REFUSED_CA':
      return 'refused'
    case 'UPSTREAM_TIMEOUT':
    case 'CLIENT_TIMEOUT':
      return 'timeout'
    default:
      return 'failed'
  }
}

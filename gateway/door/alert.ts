import type { DenyReason } from '../policy/decision.ts'

/** Fatal alerts we send in clear before any handshake (RFC 8446 §6.2). */
export const alert = {
  handshakeFailure: 40,
  accessDenied: 49,
  decodeError: 50,
  unrecognizedName: 112,
  noApplicationProtocol: 120,
} as const

const alertsByReason: Partial<Readonly<Record<DenyReason, number>>> = {
  malformed: alert.decodeError,
  'sni-mismatch': alert.unrecognizedName,
  'no-sni': alert.unrecognizedName,
  protocol: alert.noApplicationProtocol,
}

/** The alert that comes closest to a refusal's reason. */
export function alertFor(reason: DenyReason): number {
  return alertsByReason[reason] ?? alert.accessDenied
}

/** One fatal alert as a plaintext record, version TLS 1.2 as RFC 8446 §5.1 wants it. */
export function renderAlert(description: number): Buffer {
  return Buffer.from([21, 3, 3, 0, 2, 2, description])
}

/** Codes of Node's TLS errors that mean: the client does not trust our certificate. */
const distrust = new Set([
  'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
  'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
  'ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN',
  'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED',
  'ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED',
  'ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE',
])

/** Did the client end the connection because it does not trust our certificate? */
export function isDistrust(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && distrust.has(cause.code)
}

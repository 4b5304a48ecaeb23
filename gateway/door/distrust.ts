import type { ErrorCode } from '../errors.ts'

/** A client that leaves so soon after our certificate leaves because of it; one that connected ahead of need takes longer. */
const promptMs = 1_000

/** How a TLS connection ended on which the client asked for nothing. */
export interface SilentEnd {
  readonly fault: ErrorCode
  /** The handshake came to its end. */
  readonly isComplete: boolean
  /** Something came from the client behind its handshake, if only a farewell. */
  readonly hasSpoken: boolean
  /** Milliseconds from our part of the handshake, or from its end where it came to one. */
  readonly afterMs: number
}

/**
 * Did the client end it because it does not take our certificate, or cannot handshake with us? Some say so by an alert, and
 * some (Node's) leave at once in the middle of the handshake: `yes`. Others (GnuTLS's) finish it and then leave at once and
 * without a word, which may also be one that only wanted to see our certificate: `maybe`. Who says farewell, or stays, was
 * content: `no`. Pure.
 */
export function distrust({ fault, isComplete, hasSpoken, afterMs }: SilentEnd): 'yes' | 'maybe' | 'no' {
  if (fault === 'CLIENT_REFUSED_CA' || fault === 'CLIENT_TLS') return 'yes'
  if (fault !== 'CLIENT_ABORTED' || hasSpoken || afterMs > promptMs) return 'no'
  return isComplete ? 'maybe' : 'yes'
}

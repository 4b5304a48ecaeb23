import type { Carriage } from './decision.ts'
import type { RankedRule } from './rule-index.ts'
import type { Inspect } from './policy.ts'

/** Nothing is carried, or nothing is known yet. */
export const noCarriage: Carriage = { inspectTls: false, http: false, passTls: false, raw: false }

/** TLS that is terminated, so that each request in it is decided. */
export const inspectedCarriage: Carriage = { inspectTls: true, http: false, passTls: false, raw: false }

/** Plain HTTP, each request decided. */
export const httpCarriage: Carriage = { inspectTls: false, http: true, passTls: false, raw: false }

/** Datagrams, or bytes nobody looks at. */
export const rawCarriage: Carriage = { inspectTls: false, http: false, passTls: false, raw: true }

/**
 * How the allowing rules of one TCP endpoint let it be carried. `tls://` and `tcp://` pass what they admit unread,
 * unless a refusing rule on a method, path or upgrade of this endpoint (`refusing`) has to be applied to each request.
 * Then `tcp://` admits what can be read, and nothing else: any other bytes could be what is refused, in disguise.
 */
export function carriageOf(
  allowing: readonly RankedRule[],
  refusing: readonly RankedRule[],
  inspect: Inspect,
): Carriage {
  const admits = (scheme: string): boolean => allowing.some(({ rule }) => rule.scheme === scheme)
  const mustRead = readsNeeded(refusing)
  const reads = mustRead.tls || mustRead.http
  const raw = admits('tcp') && !reads
  const rawRead = admits('tcp') && reads
  const https = admits('https') || admits('wss')
  const tls = https || admits('tls') || rawRead
  const scoped = allowing.some(({ rule, scoped: is }) => is && (rule.scheme === 'https' || rule.scheme === 'wss'))
  const pass = admits('tls') || (rawRead && !https) || inspect === 'none' || (inspect === 'rules' && !scoped)
  return {
    inspectTls: tls && (mustRead.tls || !pass),
    passTls: tls && !mustRead.tls && pass,
    http: admits('http') || admits('ws') || rawRead,
    raw,
  }
}

/** How audit mode carries what no rule allows: any way it can, except past a refusing rule that must be read for. */
export function auditCarriage(forbidding: readonly RankedRule[], inspect: Inspect): Carriage {
  const mustRead = readsNeeded(forbidding)
  return { inspectTls: mustRead.tls || inspect === 'all', passTls: !mustRead.tls, http: true, raw: true }
}

/** What two layers both admit; inspection wins over passing. Undefined when they have nothing in common. */
export function commonCarriage(a: Carriage, b: Carriage): Carriage | undefined {
  const raw = a.raw && b.raw
  const tls = admitsTls(a) && admitsTls(b)
  const http = admitsHttp(a) && admitsHttp(b)
  const reads = a.inspectTls || b.inspectTls
  // Where raw admits all, TLS and HTTP are named only if one side wants to read them.
  const common = {
    inspectTls: tls && reads,
    passTls: tls && !reads && (a.passTls || b.passTls),
    http: http && (a.http || b.http),
    raw,
  }
  return common.inspectTls || common.passTls || common.http || common.raw ? common : undefined
}

function admitsTls(carriage: Carriage): boolean {
  return carriage.inspectTls || carriage.passTls || carriage.raw
}

function admitsHttp(carriage: Carriage): boolean {
  return carriage.http || carriage.raw
}

function readsNeeded(refusing: readonly RankedRule[]): { readonly tls: boolean; readonly http: boolean } {
  const scoped = refusing.filter(ranked => ranked.scoped)
  return {
    tls: scoped.some(({ rule }) => rule.scheme === 'https' || rule.scheme === 'wss'),
    http: scoped.some(({ rule }) => rule.scheme === 'http' || rule.scheme === 'ws'),
  }
}

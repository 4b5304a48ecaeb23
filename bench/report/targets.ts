import type { Samples } from './samples.ts'

/** A promise about speed or size, in the words of docs/performance.md. */
export interface Target {
  readonly what: string
  /** What was measured; undefined when its case was not run. */
  readonly value: (samples: Samples) => number | undefined
  readonly bound: 'at most' | 'at least'
  readonly limit: number
  readonly unit: '×' | 'ms' | 'MiB'
}

/** A target with its result. */
export interface Verdict extends Target {
  readonly measured: number
  readonly holds: boolean
}

const us = 'tidegate'

/** Ratios are taken within one run, round by round: absolute figures of a shared machine say nothing. */
export const targets: readonly Target[] = [
  ratio('h1 keep-alive, CPU per request, of nginx’s', 'h1.c32.cpu', 'nginx', 'at most', 1.5),
  ratio('h1 keep-alive, throughput, of squid’s', 'h1.c32.rate', 'squid', 'at least', 2),
  ratio('h1 keep-alive, throughput, of mitmproxy’s', 'h1.c32.rate', 'mitmproxy', 'at least', 20),
  ratio('h2, throughput, of mitmproxy’s', 'h2.rate', 'mitmproxy', 'at least', 5),
  ratio('bulk download, of direct', 'bulk.down', 'direct', 'at least', 0.5),
  ratio('new handshakes, of nginx’s', 'handshakes.rate', 'nginx', 'at least', 0.8),
  ratio('first contact with a name, of squid’s', 'first.median', 'squid', 'at most', 1),
  ratio('first contact with a name, of mitmproxy’s', 'first.median', 'mitmproxy', 'at most', 1),
  {
    what: 'first contact with a name, over direct',
    value: samples => samples.difference('first.median', us, 'direct'),
    bound: 'at most',
    limit: 8,
    unit: 'ms',
  },
  ratio('DNS, CPU per denied question, of dnsmasq’s', 'dns.denied.cpu', 'dnsmasq', 'at most', 1.3),
  ratio('DNS, CPU per cached question, of dnsmasq’s', 'dns.cached.cpu', 'dnsmasq', 'at most', 1.3),
  ratio('DNS, CPU per forwarded question, of unbound’s', 'dns.forwarded.cpu', 'unbound', 'at most', 1),
  size('memory at rest', 'memory.idle', 90),
  size('memory that a slow reader of 1 GiB adds', 'memory.slow', 32),
  size('memory with 500 inspected connections', 'memory.c500', 220),
  {
    what: 'start until the wire is proved',
    value: samples => samples.median('start.proved', us),
    bound: 'at most',
    limit: 600,
    unit: 'ms',
  },
]

/** The targets whose cases were run. */
export function judge(samples: Samples): readonly Verdict[] {
  return targets.flatMap(target => {
    const measured = target.value(samples)
    if (measured === undefined) return []
    const holds = target.bound === 'at most' ? measured <= target.limit : measured >= target.limit
    return [{ ...target, measured, holds }]
  })
}

function ratio(what: string, metric: string, peer: string, bound: Target['bound'], limit: number): Target {
  return { what, value: samples => samples.ratio(metric, us, peer), bound, limit, unit: '×' }
}

function size(what: string, metric: string, limit: number): Target {
  return { what, value: samples => samples.median(metric, us), bound: 'at most', limit, unit: 'MiB' }
}

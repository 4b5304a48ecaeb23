import { networkInterfaces } from 'node:os'
import { GatewayError, type ErrorCode } from '../errors.ts'
import { type Address, familyOf } from '../net/address.ts'
import type { Hostname } from '../net/hostname.ts'
import type { Resolver } from '../upstream/outside.ts'
import { ExpiringCache, type CacheLimits } from './cache.ts'
import { rcode, renderRcode } from './rcode.ts'
import { recordType } from './record-type.ts'
import type { Records } from './reply.ts'
import { UpstreamExchange, type Exchanged, type Patience } from './upstream-exchange.ts'
import { renderQuestion } from './upstream-question.ts'
import type { ConnectDatagrams, ResolverAddress } from './upstream-udp.ts'

/** What is known about one name and type. */
export interface Finding {
  /** `rcode.servFail` when nobody gave an answer; then `failure` says why. */
  readonly rcode: number
  readonly failure: ErrorCode | undefined
  readonly addresses: readonly Address[]
  readonly records: Records | undefined
  /** Milliseconds on the clock of the resolver. */
  readonly expiresAt: number
  /** True when no question was sent for it. */
  readonly cached: boolean
}

/** Whether a name exists, as far as addresses go. */
export interface Existence {
  readonly outcome: 'exists' | 'no-data' | 'no-name' | 'failed'
  readonly failure: ErrorCode | undefined
  readonly expiresAt: number
  readonly cached: boolean
}

/** The gateway's own view of the outside names: one cache for what jobs ask and for what the gateway dials. */
export interface UpstreamResolver extends Resolver {
  /**
   * Whether `host` has an address of either family. A value when the cache knows, else a promise that never rejects. A
   * and AAAA are asked at once; an address of the first family to have one is enough.
   */
  exists(host: Hostname): Existence | Promise<Existence>
  /** Records of any other type; a value when the cache knows, else a promise that never rejects. */
  find(host: Hostname, type: number): Finding | Promise<Finding>
}

/** How the resolver works; everything but `servers` has a default. */
export interface UpstreamOptions {
  /** In order of preference; one to eight. */
  readonly servers: readonly ResolverAddress[]
  readonly patience?: Partial<Patience>
  /** Names whose addresses the machine knows by itself (/etc/hosts); nobody is asked for these. */
  readonly hosts?: ReadonlyMap<Hostname, readonly Address[]>
  readonly cache?: CacheLimits
  readonly now?: () => number
  /** Default: Node's own way. */
  readonly connect?: ConnectDatagrams
  /**
   * Whether this machine can reach IPv6 at all: if not, AAAA is asked only of names without A. Default: whether an
   * interface has an IPv6 address that is not link-local or loopback.
   */
  readonly hasIpv6?: () => boolean
}

const secondMs = 1_000
/** Seconds; an answer is never trusted longer, nor asked for again sooner. */
const positiveTtl = { least: 5, most: 3_600 }
const negativeTtl = { least: 5, most: 60 }
/** A failure is remembered just long enough that a client's immediate retries do not multiply it. */
const failureTtlMs = 1_000
/** How long a dial waits for IPv6 addresses once it has IPv4 ones (RFC 8305 §3). */
const resolutionDelayMs = 50
const entryBytes = 200

/**
 * Opens the gateway's resolver. Owns its sockets until disposed; questions that wait then fail.
 * @throws GatewayError NO_RESOLVER when `servers` is empty.
 */
export function openUpstreamResolver(options: UpstreamOptions): UpstreamResolver & AsyncDisposable {
  if (options.servers.length === 0) throw new GatewayError('NO_RESOLVER', 'no resolver to ask')
  return new CachingResolver(options)
}

class CachingResolver implements UpstreamResolver, AsyncDisposable {
  readonly #exchange: UpstreamExchange
  readonly #cache: ExpiringCache<Finding>
  readonly #asking = new Map<string, Promise<Finding>>()
  readonly #now: () => number
  readonly #hasIpv6: () => boolean
  readonly #hosts: ReadonlyMap<Hostname, readonly Address[]>

  constructor(options: UpstreamOptions) {
    const { servers, patience, hosts, cache, now = Date.now, hasIpv6 = lookForIpv6(now), connect } = options
    const waits = { tryMs: 1_000, tries: 3, deadlineMs: 4_500, ...patience }
    this.#exchange = new UpstreamExchange(servers, waits, now, connect)
    this.#cache = new ExpiringCache(cache ?? { entries: 10_000, bytes: 8 << 20 })
    this.#now = now
    this.#hasIpv6 = hasIpv6
    this.#hosts = hosts ?? new Map()
  }

  find(host: Hostname, type: number): Finding | Promise<Finding> {
    if (type === recordType.a || type === recordType.aaaa) {
      const known = this.#hosts.get(host)
      if (known !== undefined) return this.#written(known, type === recordType.a ? 4 : 6)
    }
    const key = `${host} ${type}`
    return this.#cache.get(key, this.#now()) ?? this.#asking.get(key) ?? this.#ask(host, type, key)
  }

  /** As the system's own resolver has it: a name that is in the file at all is not asked for elsewhere. */
  #written(known: readonly Address[], family: 4 | 6): Finding {
    const addresses = known.filter(address => familyOf(address) === family)
    const expiresAt = this.#now() + negativeTtl.most * secondMs
    return { rcode: rcode.noError, failure: undefined, addresses, records: undefined, expiresAt, cached: true }
  }

  exists(host: Hostname): Existence | Promise<Existence> {
    const v4 = this.find(host, recordType.a)
    if (!(v4 instanceof Promise)) {
      if (isEnough(v4)) return judge(v4)
      const v6 = this.find(host, recordType.aaaa)
      return v6 instanceof Promise ? v6.then(found => judge(v4, found)) : judge(v4, v6)
    }
    // Asked now, not after A: the dial that follows will want it.
    const v6 = this.#hasIpv6() ? this.find(host, recordType.aaaa) : undefined
    return v4.then(found => {
      if (isEnough(found)) return judge(found)
      const other = v6 ?? this.find(host, recordType.aaaa)
      return other instanceof Promise ? other.then(late => judge(found, late)) : judge(found, other)
    })
  }

  async resolve(host: Hostname, signal: AbortSignal): Promise<readonly Address[]> {
    signal.throwIfAborted()
    const found = await untilAborted(this.#addresses(host), signal)
    const addresses = found.flatMap(finding => finding.addresses)
    if (addresses.length > 0) return addresses
    const { failure, rcode: code } = found.find(finding => finding.failure === undefined) ?? found[0] ?? unanswered
    const said = failure ?? (code === rcode.noError ? 'NODATA' : renderRcode(code))
    throw new GatewayError('UPSTREAM_DNS', `${host} has no address: ${said}`, { details: { host, rcode: said } })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#exchange[Symbol.dispose]()
    await Promise.allSettled(this.#asking.values())
  }

  /** IPv6 first, as a resolver of the system would; the dialler races them (RFC 8305). */
  async #addresses(host: Hostname): Promise<readonly Finding[]> {
    const v6 = this.#hasIpv6() ? this.find(host, recordType.aaaa) : undefined
    const v4 = await this.find(host, recordType.a)
    if (v4.addresses.length === 0) return [await (v6 ?? this.find(host, recordType.aaaa)), v4]
    if (!(v6 instanceof Promise)) return v6 === undefined ? [v4] : [v6, v4]
    const early = await within(v6, resolutionDelayMs)
    return early === undefined ? [v4] : [early, v4]
  }

  #ask(host: Hostname, type: number, key: string): Promise<Finding> {
    const { promise, resolve } = Promise.withResolvers<Finding>()
    this.#asking.set(key, promise)
    this.#exchange.ask(renderQuestion(host, type), exchanged => {
      const finding = toFinding(exchanged, this.#now())
      const bytes = entryBytes + key.length + 40 * finding.addresses.length + (finding.records?.bytes.length ?? 0)
      this.#asking.delete(key)
      this.#cache.set(key, { ...finding, cached: true }, bytes, finding.expiresAt)
      resolve(finding)
    })
    return promise
  }
}

function toFinding(exchanged: Exchanged, now: number): Finding {
  if (exchanged.kind === 'failure') return { ...unanswered, failure: exchanged.code, expiresAt: now + failureTtlMs }
  const { rcode: code, addresses, records, ttl } = exchanged.answer
  const { least, most } = addresses.length > 0 || records !== undefined ? positiveTtl : negativeTtl
  const expiresAt = now + Math.min(most, Math.max(least, ttl)) * secondMs
  return { rcode: code, failure: undefined, addresses, records, expiresAt, cached: false }
}

const unanswered: Finding = {
  rcode: rcode.servFail,
  failure: 'UPSTREAM_DNS',
  addresses: [],
  records: undefined,
  expiresAt: 0,
  cached: false,
}

/** NXDOMAIN is about the name, so the other family need not be heard. */
function isEnough(finding: Finding): boolean {
  return finding.addresses.length > 0 || finding.rcode === rcode.nxDomain
}

function judge(v4: Finding, v6: Finding = v4): Existence {
  const expiresAt = Math.min(v4.expiresAt, v6.expiresAt)
  const cached = v4.cached && v6.cached
  const failure = v4.failure ?? v6.failure
  if (v4.addresses.length > 0) return { outcome: 'exists', failure: undefined, expiresAt: v4.expiresAt, cached }
  if (v6.addresses.length > 0) return { outcome: 'exists', failure: undefined, expiresAt: v6.expiresAt, cached }
  if (v4.rcode === rcode.nxDomain || v6.rcode === rcode.nxDomain) {
    return { outcome: 'no-name', failure: undefined, expiresAt, cached }
  }
  return { outcome: failure === undefined ? 'no-data' : 'failed', failure, expiresAt, cached }
}

/** Looks at the interfaces at most every five seconds: the machine's network may come up after the gateway. */
function lookForIpv6(now: () => number): () => boolean {
  let known = false
  let lookedAt = -Infinity
  return () => {
    if (now() - lookedAt < 5 * secondMs) return known
    lookedAt = now()
    known = Object.values(networkInterfaces())
      .flatMap(addresses => addresses ?? [])
      .some(({ family, internal, address }) => family === 'IPv6' && !internal && !/^fe[89ab]/i.test(address))
    return known
  }
}

async function within<Value>(promise: Promise<Value>, ms: number): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => (timer = setTimeout(() => resolve(undefined), ms)))
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

async function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(signal.reason)
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

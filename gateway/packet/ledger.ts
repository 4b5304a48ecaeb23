import type { Job } from '../jobs/job.ts'
import { parsePort } from '../net/port.ts'
import { decide } from '../policy/decide.ts'
import type { DenyReason } from '../policy/decision.ts'
import type { FlowEvent } from '../record/event.ts'
import { unixNow } from '../record/unix-now.ts'
import type { Counted, TableReading } from './table-reading.ts'

/** How often the kernel's counts are read, and how much of them is written down. */
export interface LedgerLimits {
  /** Milliseconds until the next reading, asked after each; default 1,000. */
  readonly intervalMs: () => number
  /** A destination seen before is written again after so many readings, default 30; what came in between is added up. */
  readonly readingsPerLine: number
  /** Lines one reading may write, default 256; the rest is one line without a destination. */
  readonly linesPerReading: number
  /** What was counted before the job began (the proof of the wire): it is none of the job's. */
  readonly since: TableReading
  /** The time, by the clock of the job's record; default `unixNow`. */
  readonly now: () => number
}

/** What the ledger needs of the wire. */
export interface LedgerSource<Reading extends TableReading> {
  read(signal: AbortSignal): Promise<Reading>
}

/** The running account of what the kernel refused. Disposing reads once more, as far as it can, and writes what is left. */
export interface Ledger extends AsyncDisposable {
  /** Reads now; two readings never overlap. @throws GatewayError NFT_REJECTED */
  read(signal: AbortSignal): Promise<void>
}

/**
 * Turns the kernel's counts into `packet` lines of the job's record. `seen` is told of each reading, for the gauge that
 * watches the table; `failed` of a reading that failed (the table is gone): the caller then calls the job unprotected.
 */
export function openLedger<Reading extends TableReading>(
  source: LedgerSource<Reading>,
  job: Job,
  on: { readonly seen: (reading: Reading) => void; readonly failed: (cause: unknown) => void },
  limits: Partial<LedgerLimits> = {},
): Ledger {
  const { intervalMs = () => 1_000, readingsPerLine = 30, linesPerReading = 256, since, now = unixNow } = limits
  const account = new Account(job, { readingsPerLine, linesPerReading, now })
  if (since !== undefined) account.begin(since)
  let before: Promise<unknown> = Promise.resolve()
  const read = (signal: AbortSignal, last = false): Promise<void> => {
    const reading = readAfter(before, signal, last)
    // Whoever asked for a reading hears of its failure; the next one comes all the same.
    before = Promise.allSettled([reading])
    return reading
  }
  const readAfter = async (earlier: Promise<unknown>, signal: AbortSignal, last: boolean): Promise<void> => {
    await earlier
    const seen = await source.read(signal)
    on.seen(seen)
    account.add(seen, last)
  }
  // One after the other: a machine too slow for the interval must not pile up programs.
  let closed = false
  let timer: NodeJS.Timeout | undefined
  const next = (): void => {
    timer = setTimeout(() => {
      read(AbortSignal.timeout(10_000))
        .catch(on.failed)
        .finally(() => {
          if (!closed) next()
        })
    }, intervalMs()).unref()
  }
  next()
  return {
    read,
    async [Symbol.asyncDispose]() {
      closed = true
      clearTimeout(timer)
      try {
        await read(AbortSignal.timeout(10_000), true)
      } catch (cause) {
        // The table is gone: what was read of it before is written all the same, and the rest of the gateway ends as usual.
        on.failed(cause)
        account.add({ counts: [], uncounted: 0 }, true)
      }
    },
  }
}

/** What was written so far of each destination, and what still waits. */
class Account {
  readonly #job: Job
  readonly #readingsPerLine: number
  readonly #linesPerReading: number
  readonly #entries = new Map<string, { total: number; waiting: number; age: number; counted: Counted }>()
  readonly #now: () => number
  #uncounted = 0

  constructor(
    job: Job,
    { readingsPerLine, linesPerReading, now }: Pick<LedgerLimits, 'readingsPerLine' | 'linesPerReading' | 'now'>,
  ) {
    this.#job = job
    this.#readingsPerLine = readingsPerLine
    this.#linesPerReading = linesPerReading
    this.#now = now
  }

  begin({ counts, uncounted }: TableReading): void {
    this.#uncounted = uncounted
    for (const counted of counts) {
      this.#entries.set(keyOf(counted), { total: counted.packets, waiting: 0, age: this.#readingsPerLine, counted })
    }
  }

  add({ counts, uncounted }: Pick<TableReading, 'counts' | 'uncounted'>, last: boolean): void {
    let room = this.#linesPerReading
    const present = new Set<string>()
    for (const counted of counts) {
      const key = keyOf(counted)
      present.add(key)
      const known = this.#entries.get(key)
      const entry = known ?? { total: 0, waiting: 0, age: this.#readingsPerLine, counted }
      // A count below the one before is of an element that timed out and came again.
      entry.waiting += counted.packets >= entry.total ? counted.packets - entry.total : counted.packets
      entry.total = counted.packets
      this.#entries.set(key, entry)
    }
    for (const [key, entry] of this.#entries) {
      entry.age += 1
      if (entry.waiting === 0 && !present.has(key)) this.#entries.delete(key)
      if (entry.waiting === 0 || (entry.age <= this.#readingsPerLine && !last)) continue
      if (room === 0 && !last) break
      room -= 1
      this.#job.sink.write(this.#line(entry.counted, entry.waiting))
      entry.waiting = 0
      entry.age = 0
    }
    if (uncounted > this.#uncounted) {
      this.#job.sink.write({ ...refusal('protocol'), packets: uncounted - this.#uncounted, startedAt: this.#now() })
      this.#uncounted = uncounted
    }
  }

  #line(counted: Counted, packets: number): FlowEvent {
    const { address, port, protocol } = counted
    const name = address === undefined ? undefined : this.#job.names.lookup(address)
    return {
      startedAt: this.#now(),
      ...(address === undefined || name !== undefined ? {} : { address }),
      ...(name === undefined ? {} : { host: name.host, flow: name.flow }),
      ...(port === undefined ? {} : { port }),
      ...judge(this.#job, counted),
      protocol,
      packets,
    }
  }
}

function keyOf({ kind, source, address, protocol, port }: Counted): string {
  return [kind, source, address, protocol, port].join(' ')
}

type Judged = Pick<FlowEvent, 'layer' | 'verdict' | 'reason' | 'rule'>

/** Why the kernel refused: for UDP and TCP the policy says it, the rest has no rule to ask. */
function judge(job: Job, { kind, address, protocol, port: raw }: Counted): Judged {
  if (kind === 'echo') return { layer: 'packet', verdict: 'observe', reason: 'protocol' }
  if (kind === 'spoofed' || kind === 'fragment') return refusal('malformed')
  const port = raw === undefined ? undefined : parsePort(raw)
  if (kind !== 'denied' || address === undefined || port === undefined) return refusal('protocol')
  if (protocol !== 'udp' && protocol !== 'tcp') return refusal('protocol')
  const name = job.names.lookup(address)
  const decision = decide(
    job.policy,
    name === undefined
      ? { kind: 'address', transport: protocol, address, port }
      : { kind: 'endpoint', transport: protocol, host: name.host, port },
  )
  // The packet was refused, whatever a policy says by now.
  if (decision.verdict === 'allow') return refusal('no-rule')
  return { ...refusal(decision.reason), ...(decision.rule === null ? {} : { rule: decision.rule }) }
}

function refusal(reason: DenyReason): Judged {
  return { layer: 'packet', verdict: 'deny', reason }
}

import type { Job } from '../jobs/job.ts'
import { TokenBucket, type Rate } from '../jobs/token-bucket.ts'
import type { Policy } from '../policy/policy.ts'
import type { FlowEvent, ProcessInfo } from '../record/event.ts'
import type { Step } from './step.ts'

/** Equal questions of one second: decided once, written once, then counted. */
export interface Window {
  readonly startedAt: number
  /** The policy that decided; another one in force opens a new window. */
  readonly policy: Policy
  readonly step: Step
  /** Questions that wait for their answer; the window stays until they have it. */
  pending: number
  /** True once what was counted is written: nothing is counted here any more. */
  closed: boolean
  readonly lines: Line[]
}

/** What a line says of a question, the same for all it stands for. */
export type Facts = Pick<
  FlowEvent,
  'host' | 'qtype' | 'rcode' | 'verdict' | 'reason' | 'rule' | 'error' | 'event' | 'details'
>

/** One line of a window, and what was counted on it since it was written. */
export interface Line {
  readonly facts: Facts
  readonly process: ProcessInfo | undefined
  readonly flow: string
  repeats: number
  firstRepeatAt: number
  sent: number
  received: number
}

/** One question with its answer, to be recorded. */
export interface Answered {
  readonly startedAt: number
  readonly queryBytes: number
  readonly replyBytes: number
}

/** How much one job may ask; beyond, questions are refused and counted. */
export interface QuestionLimits {
  /** New questions (name and type) a second, in the long run: each may be a line of the log. */
  readonly perSecond: number
  /** New questions beyond that at once. */
  readonly reserve: number
  /** Questions that wait for their answer at the same time. */
  readonly pending: number
  /** Questions of any kind, repeats included: what one job may have of a gateway that serves many. Absent: no limit. */
  readonly all?: Rate
}

/** More than any build asks. */
export const questionLimits: QuestionLimits = { perSecond: 1_000, reserve: 10_000, pending: 1_000 }

const windowMs = 1_000

/**
 * The `dns` lines of one job. The first of equal questions is written at once, its repeats within the second as one line
 * with their number in `packets`: a flood of equal questions costs two lines a second, and no distinct name is lost.
 */
export class QuestionLog {
  readonly #job: Job
  readonly #now: () => number
  readonly #windows = new Map<string, Window>()
  readonly #allowance: TokenBucket

  constructor(job: Job, now: () => number, limits: QuestionLimits) {
    this.#job = job
    this.#now = now
    this.#allowance = new TokenBucket({ perSecond: limits.perSecond, burst: limits.reserve }, now)
  }

  /** The window that `key` falls into; undefined when it has to be opened (after `admits()`). */
  window(key: string, policy: Policy): Window | undefined {
    const window = this.#windows.get(key)
    if (window === undefined || window.policy !== policy) return undefined
    return this.#isOver(window) ? undefined : window
  }

  /** Takes one new question from the allowance; false when it is used up. */
  admits(): boolean {
    return this.#allowance.take()
  }

  /** Opens the window of `key`; what was counted in the one before is written. */
  open(key: string, policy: Policy, step: Step): Window {
    const before = this.#windows.get(key)
    if (before !== undefined) this.#close(key, before)
    const window: Window = { startedAt: this.#now(), policy, step, pending: 0, closed: false, lines: [] }
    this.#windows.set(key, window)
    return window
  }

  /** The flow id under which equal answers to this process are written, if there is a line for them in the window. */
  flowOf(window: Window, facts: Facts, process: ProcessInfo | undefined): string | undefined {
    return findLine(window, facts, process)?.flow
  }

  /** Writes one line, or counts the question on the line that says the same; returns that line. */
  record(window: Window, facts: Facts, process: ProcessInfo | undefined, flow: string, answered: Answered): Line {
    // A finding is said once, so it must not be counted on a line that does not say it.
    const isCounted = !window.closed && facts.event === undefined
    const line = isCounted ? findLine(window, facts, process) : undefined
    if (line !== undefined) {
      countOn(line, answered)
      return line
    }
    const { startedAt, queryBytes, replyBytes } = answered
    this.#write(facts, process, flow, startedAt, this.#now() - startedAt, queryBytes, replyBytes)
    const written: Line = { facts, process, flow, repeats: 0, firstRepeatAt: 0, sent: 0, received: 0 }
    window.lines.push(written)
    return written
  }

  /** Writes what was counted in windows that are over, or in all of them. */
  flush(all: boolean): void {
    const now = this.#now()
    for (const [key, window] of this.#windows) {
      // The oldest comes first, and those behind it are not over either.
      if (!all && now - window.startedAt < windowMs) return
      if (all || window.pending === 0) this.#close(key, window)
    }
  }

  #isOver(window: Window): boolean {
    return window.pending === 0 && this.#now() - window.startedAt >= windowMs
  }

  #close(key: string, window: Window): void {
    this.#windows.delete(key)
    window.closed = true
    for (const line of window.lines) {
      if (line.repeats === 0) continue
      const { facts, process, flow, firstRepeatAt, repeats, sent, received } = line
      const { event: _event, details: _details, ...same } = facts
      const duration = Math.max(0, this.#now() - firstRepeatAt)
      this.#write({ ...same, packets: repeats }, process, flow, firstRepeatAt, duration, sent, received)
    }
  }

  #write(
    facts: Facts & Pick<FlowEvent, 'packets'>,
    process: ProcessInfo | undefined,
    flow: string,
    startedAt: number,
    durationMs: number,
    sent: number,
    received: number,
  ): void {
    // All is known: what an open flow is for would cost as much as the rest of the line.
    const event: { -readonly [Key in keyof FlowEvent]: FlowEvent[Key] } = {
      layer: 'dns',
      protocol: 'dns',
      flow,
      ...facts,
      startedAt,
      durationMs,
      bytesSent: sent,
      bytesReceived: received,
    }
    if (process !== undefined) event.process = process
    this.#job.sink.write(event)
  }
}

/** Counts a question on a line that is written. */
export function countOn(line: Line, { startedAt, queryBytes, replyBytes }: Answered): void {
  if (line.repeats === 0) line.firstRepeatAt = startedAt
  line.repeats += 1
  line.sent += queryBytes
  line.received += replyBytes
}

function findLine(window: Window, facts: Facts, process: ProcessInfo | undefined): Line | undefined {
  return window.lines.find(
    line =>
      line.process?.pid === process?.pid &&
      line.facts.rcode === facts.rcode &&
      line.facts.verdict === facts.verdict &&
      line.facts.reason === facts.reason &&
      line.facts.error === facts.error,
  )
}

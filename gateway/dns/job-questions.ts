import type { Job } from '../jobs/job.ts'
import { TokenBucket } from '../jobs/token-bucket.ts'
import type { ProcessInfo } from '../record/event.ts'
import { AttributionWindow, type Peer } from './attribution-window.ts'
import { DnsBudget, type BudgetFigures } from './budget.ts'
import {
  countOn,
  QuestionLog,
  type Answered,
  type Facts,
  type Line,
  type QuestionLimits,
  type Window,
} from './question-log.ts'
import { rcode } from './rcode.ts'
import { RecentReplies, type RecentReply } from './recent-replies.ts'
import { nextStep, refuse, type Judgement, type Step } from './step.ts'
import type { Query } from './wire.ts'

/** The step of messages without a question that could be decided. */
const nameless: Step = {
  judgement: { verdict: 'deny', reason: 'malformed', rule: null },
  action: { do: 'reply', rcode: rcode.formErr, answer: { kind: 'none' } },
  counts: false,
}

/** A window, and what opening it did to the budget. */
export interface Opened {
  readonly window: Window
  /** Present when this question crossed the line of an alert. */
  readonly alert: BudgetFigures | undefined
}

/** What the DNS server knows of one job: its recent questions, its budgets, how much it waits for. */
export class JobQuestions {
  readonly job: Job
  readonly attribution: AttributionWindow
  readonly recent = new RecentReplies()
  /** Questions that wait for their answer. */
  pending = 0
  /** How many questions there may be; undefined when the job is alone. */
  readonly #all: TokenBucket | undefined
  readonly #maxPending: number
  readonly #log: QuestionLog
  /** Names that a rule admits by a wildcard; over the budget they are refused. */
  readonly #admitted: DnsBudget
  /** Names that are refused, or would be; only an alert comes of it. */
  readonly #refused: DnsBudget

  constructor(job: Job, now: () => number, limits: QuestionLimits) {
    this.job = job
    this.attribution = new AttributionWindow(job, now)
    this.#maxPending = limits.pending
    this.#all = limits.all === undefined ? undefined : new TokenBucket(limits.all, now)
    this.#log = new QuestionLog(job, now, limits)
    this.#admitted = new DnsBudget(now)
    this.#refused = new DnsBudget(now)
  }

  /** Counts a message; false when the job has sent more than one of many jobs may. */
  admits(): boolean {
    return this.#all?.take() ?? true
  }

  /** The decision on a question, made once a second; undefined when the job asks, or waits for, more than any build does. */
  open(query: Query): Opened | undefined {
    if (this.pending >= this.#maxPending) return undefined
    const key = `${query.type} ${query.name}`
    const { policy } = this.job
    const known = this.#log.window(key, policy)
    // A log that fails, or works again, changes the decision too.
    if (known !== undefined && (known.step.judgement.reason === 'log-failure') === this.job.recordFailed) {
      return { window: known, alert: undefined }
    }
    if (!this.#log.admits()) return undefined
    const { step, alert } = this.#decide(query)
    return { window: this.#log.open(key, policy, step), alert }
  }

  /**
   * The reply to a question in the very words of a moment ago, under that question's id, if the same process asks; what is
   * counted is where the first of them was written. Undefined when it has to be looked at.
   */
  again(message: Buffer, peer: Peer, startedAt: number): RecentReply | undefined {
    // Port 0 gets no reply; a log that fails refuses what it let pass before.
    if (peer.port === 0 || this.job.recordFailed) return undefined
    const recent = this.recent.find(message, peer.transport)
    if (recent === undefined || recent.window.policy !== this.job.policy) return undefined
    const process = this.attribution.find(peer)
    if (process instanceof Promise || process?.pid !== recent.line.process?.pid) return undefined
    countOn(recent.line, { startedAt, queryBytes: message.length, replyBytes: recent.reply.length })
    return recent
  }

  /** Counts an answer that said the name does not exist, once per window. */
  countNoName(query: Query, { step, lines }: Window): BudgetFigures | undefined {
    if (!step.counts || step.action.do === 'reply' || lines.length > 0) return undefined
    return this.#budgetOf(step.judgement).countNoName(query.name)
  }

  /** The flow id of an answer: that of the line it will be counted on, or a new one. */
  flowOf(window: Window, facts: Facts, process: ProcessInfo | undefined): string {
    return this.#log.flowOf(window, facts, process) ?? this.job.newFlowId()
  }

  /** Writes a question, or counts it on the line that says the same. */
  record(window: Window, facts: Facts, process: ProcessInfo | undefined, flow: string, answered: Answered): Line {
    return this.#log.record(window, facts, process, flow, answered)
  }

  /** Writes a message that has no name to be decided on; those of one second count on one line. */
  recordNameless(facts: Facts, process: ProcessInfo | undefined, answered: Answered): void {
    const key = `${facts.rcode ?? ''} ${facts.error ?? ''}`
    const { policy } = this.job
    const window = this.#log.window(key, policy) ?? this.#log.open(key, policy, nameless)
    this.#log.record(window, facts, process, this.flowOf(window, facts, process), answered)
  }

  /** Writes what was counted: of every second that is over or, at the end, of all. */
  flush(all: boolean): void {
    this.recent.clear()
    this.#log.flush(all)
  }

  #decide(query: Query): { readonly step: Step; readonly alert: BudgetFigures | undefined } {
    const step = this.#lookedAt(query, nextStep(query, this.job))
    if (!step.counts) return { step, alert: undefined }
    const { judgement } = step
    const { exceeded, alert } = this.#budgetOf(judgement).spend(query.name, query.type)
    if (!exceeded || judgement.verdict !== 'allow') return { step, alert }
    const { rule } = judgement
    if (this.job.policy.mode === 'block') return { step: refuse(query, 'dns-budget', rule, rcode.nxDomain), alert }
    return { step: { ...step, judgement: { verdict: 'observe', reason: 'dns-budget', rule } }, alert }
  }

  /** What those who look at the job object to is refused, or in audit observed. */
  #lookedAt(query: Query, step: Step): Step {
    const { insight, policy } = this.job
    const { verdict } = step.judgement
    const objection = insight?.question?.({ name: query.name, type: query.type, verdict })
    if (objection === undefined || verdict === 'deny') return step
    const { reason, rule } = objection
    if (policy.mode === 'block') return refuse(query, reason, rule, rcode.nxDomain)
    return { ...step, judgement: { verdict: 'observe', reason, rule } }
  }

  #budgetOf({ verdict }: Judgement): DnsBudget {
    return verdict === 'allow' ? this.#admitted : this.#refused
  }
}

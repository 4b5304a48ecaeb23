import type { Job } from '../jobs/job.ts'
import type { ProcessInfo } from '../record/event.ts'
import type { Peer } from './attribution-window.ts'
import type { BudgetFigures } from './budget.ts'
import { JobQuestions } from './job-questions.ts'
import { failed, perform, replied, settle, type Outcome, type Source } from './perform.ts'
import type { Facts, QuestionLimits, Window } from './question-log.ts'
import { rcode, renderRcode } from './rcode.ts'
import { renderRecordType } from './record-type.ts'
import { replyAgain } from './recent-replies.ts'
import { renderFault, renderReply, replyLimit } from './reply.ts'
import type { Judgement } from './step.ts'
import type { UpstreamResolver } from './upstream.ts'
import { readQuery, type Query, type Reading } from './wire.ts'

/** What the responder works with. */
export interface ResponderOptions {
  /** The job at an address of the wire; undefined for an address nobody gave out. */
  readonly jobFor: (address: string) => Job | undefined
  readonly upstream: UpstreamResolver
  readonly now: () => number
  readonly limits: QuestionLimits
  /** Told of every answer: where it came from and how long it took, in milliseconds. */
  readonly onAnswer: (source: Source, durationMs: number) => void
}

interface Question {
  readonly questions: JobQuestions
  readonly query: Query
  readonly peer: Peer
  readonly window: Window
  readonly alert: BudgetFigures | undefined
  readonly startedAt: number
}

type Unanswerable = Exclude<Reading, { kind: 'query' }>
const silence: Unanswerable = { kind: 'silence' }

/** Turns each message of a job into its reply, and into its line of the record. */
export class Responder {
  readonly #options: ResponderOptions
  readonly #jobs = new Map<Job, JobQuestions>()
  readonly #waiting = new Set<Question>()
  #stopped = false

  constructor(options: ResponderOptions) {
    this.#options = options
  }

  /**
   * The reply to send, undefined for silence; a promise when something has to be waited for, at most 5 seconds. Never
   * throws and never rejects, whatever the bytes.
   */
  respond(message: Buffer, peer: Peer): Buffer | undefined | Promise<Buffer | undefined> {
    if (this.#stopped) return undefined
    const startedAt = this.#options.now()
    const job = this.#options.jobFor(peer.address)
    if (job === undefined) return refuseStranger(message, readMessage(message, peer))
    const questions = this.#questionsOf(job)
    if (!questions.admits()) {
      const flood = readMessage(message, peer)
      return flood.kind === 'query' ? this.#overrun(questions, flood.query, peer, startedAt, 'JOB_LIMIT') : undefined
    }
    const again = questions.again(message, peer, startedAt)
    if (again !== undefined) {
      this.#options.onAnswer(again.source, this.#options.now() - startedAt)
      return replyAgain(again.reply, message)
    }
    const reading = readMessage(message, peer)
    return reading.kind === 'query'
      ? this.#answer(questions, reading.query, peer, startedAt)
      : this.#turnAway(questions, message, reading, peer)
  }

  /** Writes what was counted: of every second that is over or, at the end, of all. */
  flush(all: boolean): void {
    for (const questions of this.#jobs.values()) questions.flush(all)
  }

  /** Writes what was counted for a job and forgets its budgets. */
  forget(job: Job): void {
    this.#jobs.get(job)?.flush(true)
    this.#jobs.delete(job)
  }

  /** Answers nothing any more. Questions that wait are written as aborted, without a response code: none was sent. */
  stop(): void {
    this.#stopped = true
    for (const { questions, query, window, startedAt } of this.#waiting) {
      const { rcode: _unsent, ...facts } = factsOf(query, failed('CLIENT_ABORTED', 'local'), window.step.judgement)
      const flow = questions.flowOf(window, facts, undefined)
      questions.record(window, facts, undefined, flow, { startedAt, queryBytes: query.message.length, replyBytes: 0 })
    }
    this.#waiting.clear()
    this.flush(true)
  }

  #questionsOf(job: Job): JobQuestions {
    const known = this.#jobs.get(job)
    if (known !== undefined) return known
    const questions = new JobQuestions(job, this.#options.now, this.#options.limits)
    this.#jobs.set(job, questions)
    return questions
  }

  #answer(questions: JobQuestions, query: Query, peer: Peer, startedAt: number): Buffer | Promise<Buffer | undefined> {
    const opened = questions.open(query)
    if (opened === undefined) return this.#overrun(questions, query, peer, startedAt)
    const question: Question = { questions, query, peer, ...opened, startedAt }
    // Both at once: the process behind the socket is looked for while the resolver is asked.
    const outcome = perform(opened.window.step.action, this.#options.upstream, this.#options.now)
    const process = questions.attribution.find(peer)
    return outcome instanceof Promise || process instanceof Promise
      ? this.#finishLater(question, outcome, process)
      : this.#finish(question, outcome, process)
  }

  async #finishLater(
    question: Question,
    outcome: Outcome | Promise<Outcome>,
    process: ProcessInfo | undefined | Promise<ProcessInfo | undefined>,
  ): Promise<Buffer | undefined> {
    const { questions, window } = question
    this.#waiting.add(question)
    questions.pending += 1
    window.pending += 1
    const done = outcome instanceof Promise ? await outcome : outcome
    const found = process instanceof Promise ? await process : process
    questions.pending -= 1
    window.pending -= 1
    // Not there any more: the server was stopped, and the question written, in the meantime.
    if (!this.#waiting.delete(question)) return undefined
    // What was refused stays refused, for the reason it was: it may be what closed the network.
    const isCurrent = window.policy === questions.job.policy || window.step.judgement.verdict === 'deny'
    return isCurrent ? this.#finish(question, done, found) : this.#finishAnew(question, done, found)
  }

  /** Asked outside under one policy, it is answered under another: what is denied now gets no address (bypass N19). */
  #finishAnew(question: Question, asked: Outcome, process: ProcessInfo | undefined): Buffer {
    const { questions, query, peer, startedAt } = question
    const opened = questions.open(query)
    if (opened === undefined) return this.#overrun(questions, query, peer, startedAt)
    const { action } = opened.window.step
    return this.#finish({ ...question, ...opened }, action.do === 'reply' ? replied(action) : asked, process)
  }

  #finish(question: Question, performed: Outcome, process: ProcessInfo | undefined): Buffer {
    const { questions, query, peer, window, startedAt } = question
    const { judgement } = window.step
    const said = factsOf(query, performed, judgement)
    const flow = questions.flowOf(window, said, process)
    questions.job.insight?.asker?.({ name: query.name, flow, process })
    const outcome = settle(performed, questions.job, flow)
    const reply = renderReply(query, outcome, replyLimit(peer.transport, query.edns))

    const noName = outcome.rcode === rcode.nxDomain ? questions.countNoName(query, window) : undefined
    const facts = outcome.rcode === performed.rcode ? said : factsOf(query, outcome, judgement)
    const answered = { startedAt, queryBytes: query.message.length, replyBytes: reply.length }
    const line = questions.record(window, withAlert(facts, noName ?? question.alert), process, flow, answered)
    if (line.repeats > 0 && !questions.job.recordFailed) {
      const source = outcome.source === 'upstream' ? 'cache' : outcome.source
      questions.recent.keep(query.message, peer.transport, { reply, window, line, source })
    }
    this.#options.onAnswer(outcome.source, this.#options.now() - startedAt)
    return reply
  }

  /** More new questions, or more waiting ones, than any build has: SERVFAIL, and one line a second that counts them. */
  #overrun(
    questions: JobQuestions,
    query: Query,
    peer: Peer,
    startedAt: number,
    error: 'LIMIT_REACHED' | 'JOB_LIMIT' = 'LIMIT_REACHED',
  ): Buffer {
    const outcome = settle(failed(error, 'local'), questions.job, '')
    const reply = renderReply(query, outcome, replyLimit(peer.transport, query.edns))
    const facts: Facts = {
      rcode: renderRcode(outcome.rcode),
      verdict: 'deny',
      reason: 'dns-budget',
      error,
    }
    const answered = { startedAt, queryBytes: query.message.length, replyBytes: reply.length }
    questions.recordNameless(facts, undefined, answered)
    return reply
  }

  #turnAway(
    questions: JobQuestions,
    message: Buffer,
    reading: Unanswerable,
    peer: Peer,
  ): Buffer | undefined | Promise<Buffer | undefined> {
    const reply = renderTurnedAway(message, reading)
    const said = reading.kind === 'fault' ? { rcode: renderRcode(reading.rcode) } : {}
    const facts: Facts = { ...said, verdict: 'deny', reason: 'malformed' }
    const replyBytes = reply?.length ?? 0
    const answered = { startedAt: this.#options.now(), queryBytes: message.length, replyBytes }
    const process = questions.attribution.find(peer)
    if (!(process instanceof Promise)) {
      questions.recordNameless(facts, process, answered)
      return reply
    }
    return process.then(found => {
      questions.recordNameless(facts, found, answered)
      return reply
    })
  }
}

function readMessage(message: Buffer, peer: Peer): Reading {
  // Port 0 can be forged but not answered.
  return peer.port === 0 ? silence : readQuery(message)
}

function factsOf(query: Query, outcome: Outcome, { verdict, reason, rule }: Judgement): Facts {
  const facts: { -readonly [Key in keyof Facts]: Facts[Key] } = {
    host: query.name,
    qtype: renderRecordType(query.type),
    rcode: renderRcode(outcome.rcode),
    verdict,
    reason,
  }
  if (rule !== null) facts.rule = rule
  if (outcome.failure !== undefined) facts.error = outcome.failure
  return facts
}

/** Names that would be refused look like data being carried out; admitted ones are many, which may be honest. */
function withAlert(facts: Facts, alert: BudgetFigures | undefined): Facts {
  if (alert === undefined) return facts
  const event = facts.verdict === 'allow' || facts.reason === 'dns-budget' ? 'dns-budget' : 'exfiltration-attempt'
  return { ...facts, event, details: { ...alert } }
}

function renderTurnedAway(message: Buffer, reading: Unanswerable): Buffer | undefined {
  return reading.kind === 'fault' ? renderFault(message, reading.rcode, reading.questionEnd, reading.edns) : undefined
}

/** An address outside every wire: REFUSED, and no line, as there is no job to write it for. */
function refuseStranger(message: Buffer, reading: Reading): Buffer | undefined {
  return reading.kind === 'query'
    ? renderFault(message, rcode.refused, reading.query.questionEnd, reading.query.edns)
    : renderTurnedAway(message, reading)
}

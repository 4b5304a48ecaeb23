import { getDomain } from 'tldts'
import { placeOf, Recency, type Place } from '../jobs/recency.ts'
import { recordType } from './record-type.ts'

/** Thresholds of one registered domain in one window; what reaches `block` stays blocked until the job ends. */
export const budgetLimits = {
  windowMs: 600_000,
  alert: { names: 50, bytes: 1_024, dataQueries: 20, noNameShare: 0.4, noNameOf: 20 },
  block: { names: 150, bytes: 4_096 },
  /** A label this long under a wildcard is refused by itself: it carries data, not a host. */
  labelBytes: 40,
} as const

/** Domains that are watched at the same time; the least recently asked gives way, unless it is blocked. */
const maxDomains = 500

/** What a question did to the budget of its domain. */
export interface Spent {
  /** The domain is over its budget, or this name is too long by itself. */
  readonly exceeded: boolean
  /** Present once per domain: this question crossed the line of the alert. */
  readonly alert: BudgetFigures | undefined
}

/** What a domain had used when it crossed the line. */
export interface BudgetFigures {
  readonly domain: string
  /** Different names under it, in the window. */
  readonly names: number
  /** Bytes of these names before the domain. */
  readonly bytes: number
  readonly queries: number
  /** Answers that said the name does not exist. */
  readonly nonexistent: number
}

interface Domain {
  /** Registered domain, e.g. `example.com`, or `acme.blob.example.net` under a private suffix. */
  readonly name: string
  /** What stands before the domain, and when it was first asked for, oldest first. */
  readonly seen: Map<string, number>
  bytes: number
  countedSince: number
  questions: number
  dataQuestions: number
  noNames: number
  alerted: boolean
  blocked: boolean
}

const overrun: Spent = { exceeded: true, alert: undefined }

/** Types that carry data of the asker's choice back and forth. */
const dataTypes: ReadonlySet<number> = new Set([recordType.txt, recordType.null, recordType.cname])

/**
 * Counts what one job asks under each registered domain, against tunnels through names (bypasses D4, D5). Only names that an
 * attacker may choose are brought here: under a wildcard, or refused. Memory is bounded: 500 domains of 150 names.
 */
export class DnsBudget {
  readonly #now: () => number
  readonly #domains = new Map<string, Place<Domain>>()
  /** Blocked domains are not in it. */
  readonly #recency = new Recency<Domain>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** Counts a question. A name that was counted before, in this window, costs nothing again: it says nothing new. */
  spend(host: string, type: number): Spent {
    const place = this.#domain(host)
    if (place === undefined) return overrun
    const domain = place.value
    const isNew = this.#count(domain, host, type)
    if (domain.blocked) this.#recency.remove(place)
    const isTooLong = host.split('.').some(label => label.length >= budgetLimits.labelBytes)
    return { exceeded: isTooLong || (domain.blocked && isNew), alert: crossAlert(domain) }
  }

  /** Counts an answer that said the name does not exist; the figures when that crossed the line of the alert. */
  countNoName(host: string): BudgetFigures | undefined {
    const domain = this.#domain(host)?.value
    if (domain === undefined) return undefined
    domain.noNames += 1
    return crossAlert(domain)
  }

  #domain(host: string): Place<Domain> | undefined {
    // The host itself where it is a public suffix: its names are then nobody's in particular.
    const name = getDomain(host, { allowPrivateDomains: true, validateHostname: false }) ?? host
    const now = this.#now()
    const place = this.#domains.get(name) ?? this.#watch(name, now)
    if (place === undefined) return undefined
    const domain = place.value
    if (!domain.blocked) this.#recency.use(place)
    if (now - domain.countedSince >= budgetLimits.windowMs) {
      domain.countedSince = now
      domain.questions = domain.dataQuestions = domain.noNames = 0
    }
    return place
  }

  /** Undefined when every domain that could give way is blocked: nobody but a tunnel gets there. */
  #watch(name: string, now: number): Place<Domain> | undefined {
    if (this.#domains.size >= maxDomains) {
      const oldest = this.#recency.oldest
      if (oldest === undefined) return undefined
      this.#recency.remove(oldest)
      this.#domains.delete(oldest.value.name)
    }
    const place = placeOf<Domain>({
      name,
      seen: new Map(),
      bytes: 0,
      countedSince: now,
      questions: 0,
      dataQuestions: 0,
      noNames: 0,
      alerted: false,
      blocked: false,
    })
    this.#domains.set(name, place)
    return place
  }

  /** True when the name had not been counted before, in this window. One that is too many is not remembered. */
  #count(domain: Domain, host: string, type: number): boolean {
    const now = this.#now()
    domain.questions += 1
    if (dataTypes.has(type)) domain.dataQuestions += 1
    const subdomain = host.slice(0, Math.max(0, host.length - domain.name.length - 1))
    if (!domain.blocked) forgetOld(domain, now - budgetLimits.windowMs)
    if (domain.seen.has(subdomain)) return false
    const { names, bytes } = budgetLimits.block
    domain.blocked ||= domain.seen.size + 1 >= names || domain.bytes + subdomain.length >= bytes
    if (!domain.blocked) {
      domain.seen.set(subdomain, now)
      domain.bytes += subdomain.length
    }
    return true
  }
}

function forgetOld(domain: Domain, before: number): void {
  for (const [name, at] of domain.seen) {
    if (at > before) return
    domain.seen.delete(name)
    domain.bytes -= name.length
  }
}

function crossAlert(domain: Domain): BudgetFigures | undefined {
  const { names, bytes, dataQueries, noNameOf, noNameShare } = budgetLimits.alert
  const { seen, questions, noNames } = domain
  const isOver =
    seen.size >= names ||
    domain.bytes >= bytes ||
    domain.dataQuestions >= dataQueries ||
    (questions >= noNameOf && noNames >= questions * noNameShare)
  if (domain.alerted || !isOver) return undefined
  domain.alerted = true
  return { domain: domain.name, names: seen.size, bytes: domain.bytes, queries: questions, nonexistent: noNames }
}

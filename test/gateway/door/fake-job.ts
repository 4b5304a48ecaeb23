import type { Insight } from '../../../gateway/insight/insight.ts'
import type { Job, VirtualAddresses } from '../../../gateway/jobs/job.ts'
import { type Address, parseAddress } from '../../../gateway/net/address.ts'
import { type Hostname, parseHostname } from '../../../gateway/net/hostname.ts'
import { type Port, parsePort } from '../../../gateway/net/port.ts'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'
import { PolicyInForce } from '../../../gateway/jobs/policy-in-force.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import type { FlowEvent, OpenFlow } from '../../../gateway/record/event.ts'

export function hostname(raw: string): Hostname {
  const parsed = parseHostname(raw)
  if (parsed === undefined) throw new TypeError(`not a host name: ${raw}`)
  return parsed
}

export function address(raw: string): Address {
  const parsed = parseAddress(raw)
  if (parsed === undefined) throw new TypeError(`not an address: ${raw}`)
  return parsed
}

export function port(raw: number): Port {
  const parsed = parsePort(raw)
  if (parsed === undefined) throw new TypeError(`not a port: ${raw}`)
  return parsed
}

/** A policy of rules, one a line; a line may begin with `deny` or `forbid`. */
export function policyOf(mode: 'audit' | 'block', rules: readonly string[], more = ''): Policy {
  const section = (effect: string): string => {
    const own = rules.filter(rule => (/^(deny|forbid) /.exec(rule)?.[1] ?? 'allow') === effect)
    const lines = own.map(rule => `  - ${JSON.stringify(rule.replace(/^(deny|forbid) /, ''))}`)
    return lines.length === 0 ? '' : `${effect}:\n${lines.join('\n')}\n`
  }
  const text = `version: 1\nmode: ${mode}\n${section('allow')}${section('deny')}${section('forbid')}${more}`
  return parsePolicy(text, 'policy.yaml', () => undefined)
}

/** A job that keeps its record in memory. Names are given virtual addresses as they are asked for. */
export class FakeJob implements Job {
  readonly name = 'demo'
  readonly address = address('198.19.0.2')
  readonly events: FlowEvent[] = []
  readonly sink = { write: (event: FlowEvent): void => void this.events.push(event) }
  readonly names = new FakeNames()
  readonly inForce: PolicyInForce
  /** Who looks at it beside the policy. */
  insight: Insight | undefined
  recordFailed = false
  /** Flows opened and not yet written. */
  open = 0
  /** Who wants to be told when the policy changes. */
  looking = 0
  #flows = 0
  #waiting: (() => void)[] = []

  constructor(policy: Policy) {
    this.inForce = new PolicyInForce(policy)
  }

  get policy(): Policy {
    return this.inForce.current
  }

  set policy(policy: Policy) {
    this.inForce.replace(policy)
  }

  onPolicyChange(look: () => void): Disposable {
    const looking = this.inForce.onChange(look)
    this.looking += 1
    return {
      [Symbol.dispose]: () => {
        this.looking -= 1
        looking[Symbol.dispose]()
      },
    }
  }

  openFlow(facts: Omit<FlowEvent, 'startedAt'>): OpenFlow {
    let event: FlowEvent = { ...facts, startedAt: 0 }
    let isWritten = false
    this.open += 1
    const written = (flow: OpenFlow): void => {
      this.open -= 1
      this.events.push({ ...event, bytesSent: flow.sent, bytesReceived: flow.received })
      for (const wake of this.#waiting.splice(0)) wake()
    }
    return {
      sent: 0,
      received: 0,
      set status(status: number) {
        event = { ...event, status }
      },
      note(more) {
        event = { ...event, ...more }
      },
      [Symbol.dispose]() {
        if (isWritten) return
        isWritten = true
        written(this)
      },
    }
  }

  /** The record once it holds `count` lines. */
  async recorded(count: number): Promise<readonly FlowEvent[]> {
    while (this.events.length < count) await new Promise<void>(resolve => this.#waiting.push(resolve))
    return this.events
  }

  newFlowId(): string {
    this.#flows += 1
    return `flow-${this.#flows}`
  }

  attribute(): Promise<undefined> {
    return Promise.resolve(undefined)
  }
}

class FakeNames implements VirtualAddresses {
  readonly #byName = new Map<Hostname, Address>()
  readonly #byAddress = new Map<Address, Hostname>()
  /** Addresses held by open connections now. */
  held = 0

  assign(host: Hostname): Address {
    const known = this.#byName.get(host)
    if (known !== undefined) return known
    const fresh = address(`198.18.0.${this.#byName.size + 10}`)
    this.#byName.set(host, fresh)
    this.#byAddress.set(fresh, host)
    return fresh
  }

  lookup(virtual: Address): { readonly host: Hostname; readonly flow: string } | undefined {
    const host = this.#byAddress.get(virtual)
    return host === undefined ? undefined : { host, flow: `dns-${host}` }
  }

  hold(): Disposable {
    this.held += 1
    return { [Symbol.dispose]: () => void (this.held -= 1) }
  }
}

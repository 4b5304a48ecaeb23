import type { Insight } from '../../../gateway/insight/insight.ts'
import type { Job, JobSocket } from '../../../gateway/jobs/job.ts'
import { PolicyInForce } from '../../../gateway/jobs/policy-in-force.ts'
import { openVirtualAddresses } from '../../../gateway/jobs/virtual-addresses.ts'
import { type Address, parseAddress } from '../../../gateway/net/address.ts'
import { type Cidr, parseCidr } from '../../../gateway/net/cidr.ts'
import { type Hostname, parseHostname } from '../../../gateway/net/hostname.ts'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import type { FlowEvent, OpenFlow, ProcessInfo } from '../../../gateway/record/event.ts'
import { flowLine } from '../../../gateway/record/line-schema.ts'
import { renderLine, zeroHash } from '../../../gateway/record/line.ts'
import { openFlow } from '../../../gateway/record/open-flow.ts'
import { redactEvent } from '../../../gateway/record/redact.ts'

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

export function cidr(raw: string): Cidr {
  const parsed = parseCidr(raw)
  if (parsed === undefined) throw new TypeError(`not a block: ${raw}`)
  return parsed
}

export function policy(mode: 'audit' | 'block', body: string): Policy {
  return parsePolicy(`version: 1\nmode: ${mode}\n${body}`, 'policy.yaml', () => undefined)
}

/** A clock that stands still until it is told to go on. */
export class FakeClock {
  ms = 1_000_000
  readonly now = (): number => this.ms
}

/** A job whose record is kept in memory; each event is checked against the schema of the log when it is written. */
export class FakeJob implements Job {
  readonly name = 'demo'
  readonly address = address('127.0.0.1')
  readonly events: FlowEvent[] = []
  readonly sink = { write: (event: FlowEvent): void => this.#write(event) }
  readonly names
  readonly asked: JobSocket[] = []
  readonly inForce: PolicyInForce
  /** Who looks at it beside the policy. */
  insight: Insight | undefined
  recordFailed = false
  /** Who `attribute()` says it is. */
  process: ProcessInfo | undefined | (() => Promise<ProcessInfo | undefined>)
  readonly #now: () => number
  #flows = 0

  constructor(inForce: Policy, now: () => number = Date.now, limit = 1_000) {
    this.inForce = new PolicyInForce(inForce)
    this.#now = now
    this.names = openVirtualAddresses({ pool: cidr('198.18.0.0/16'), limit, now })
  }

  get policy(): Policy {
    return this.inForce.current
  }

  set policy(policy: Policy) {
    this.inForce.replace(policy)
  }

  onPolicyChange(look: () => void): Disposable {
    return this.inForce.onChange(look)
  }

  openFlow(facts: Omit<FlowEvent, 'startedAt'>): OpenFlow {
    return openFlow(facts, event => this.#write(event), this.#now)
  }

  newFlowId(): string {
    this.#flows += 1
    return `flow-${this.#flows}`
  }

  async attribute(socket: JobSocket): Promise<ProcessInfo | undefined> {
    this.asked.push(socket)
    return typeof this.process === 'function' ? this.process() : this.process
  }

  #write(event: FlowEvent): void {
    flowLine.parse(JSON.parse(renderLine(redactEvent(event), this.events.length, '"demo"', zeroHash)))
    this.events.push(event)
  }
}

export function processNamed(exe: string, pid = 4_711): ProcessInfo {
  return { pid, exe, command: exe, uid: 0, parents: [] }
}

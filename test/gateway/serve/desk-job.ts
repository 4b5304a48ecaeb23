import type { SourceDesk } from '../../../gateway/control/source-requests.ts'
import { PolicyInForce } from '../../../gateway/jobs/policy-in-force.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import { JobSummary } from '../../../gateway/record/job-summary.ts'
import type { Summary } from '../../../gateway/record/summary-shape.ts'
import type { DeskJob } from '../../../gateway/serve/job-desk.ts'
import type { SelfTest } from '../../../gateway/serve/job-requests.ts'

/** A job that remembers what its desk did to it. */
export class FakeDeskJob implements DeskJob {
  readonly name = 'build'
  readonly inForce: PolicyInForce
  readonly claims: string[] = []
  readonly credentials: Readonly<Record<string, string>>[] = []
  readonly selfTests: SelfTest[] = []
  sources: SourceDesk | undefined
  readonly counted = new JobSummary('build')

  constructor(platform: Policy) {
    this.inForce = new PolicyInForce(platform)
  }

  get policy(): Policy {
    return this.inForce.current
  }

  narrow(policy: Policy): void {
    this.inForce.narrow(policy)
  }

  summary(): Summary {
    return this.counted.summary({ state: 'open', lines: 1, lost: 0 })
  }

  claimed(by: string, credentials: Readonly<Record<string, string>>): void {
    this.claims.push(by)
    this.credentials.push(credentials)
  }

  tested(facts: SelfTest): void {
    this.selfTests.push(facts)
  }
}

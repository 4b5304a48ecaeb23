import type { z } from 'zod'
import type { attachRequest, WirePlan } from '../control/protocol.ts'
import type { GatewayError } from '../errors.ts'
import type { Policy } from '../policy/policy.ts'

export type AttachRequest = z.output<typeof attachRequest>

/** A job that was asked for and admitted. */
export interface JobToOpen {
  readonly request: AttachRequest
  readonly policy: Policy
  /** Folder of the job's files. */
  readonly runFolder: string
}

/** Makes the gateway's side of a job. @throws GatewayError; then nothing is left. The seam that tests replace. */
export type OpenJob = (job: JobToOpen) => Promise<OpenedJob>

/** The gateway's side of one job, from attach to seal. */
export interface OpenedJob {
  readonly plan: WirePlan
  /** Serves the wire, which has been proved: one sentence for each check. @throws GatewayError */
  serve(checks: readonly string[]): Promise<void>
  /**
   * Resolves when the job cannot go on: with the error of what went wrong before it was proved, or with nothing when its
   * device is gone. It is not ended by then. Never rejects.
   */
  readonly over: Promise<GatewayError | undefined>
  /** True when it was served and its device is gone, even if nobody has noticed yet. */
  readonly isGone: boolean
  /**
   * Makes ready for another policy of the platform, and returns what puts it in force, at once and without fail.
   * @throws GatewayError when it cannot be put in force; then the old one goes on
   */
  prepare(policy: Policy): Promise<() => void>
  /** Cuts the wire, drains, seals the record, empties the run folder. `why`: what ended it, if it was a failure. Never rejects. */
  end(why?: GatewayError): Promise<void>
}

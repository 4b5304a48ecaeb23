import { z } from 'zod'
import { checkpointRequest, manifestRequest } from '../control/source-requests.ts'

/** Longest request, its line end included, in bytes. */
export const maxRequestBytes = 65_536

/** Who claims a job, in its own words: shown to people, so printable and short. */
const claimant = z
  .string()
  .regex(/^[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?$/, 'is 1 to 200 printable ASCII characters')

/** Credentials, by the names of the variables that hold them. */
const tokens = z
  .record(
    z.string().regex(/^\w{1,64}$/),
    z.string().regex(/^[\x21-\x7e]{8,8192}$/, 'is 8 to 8192 printable ASCII characters'),
  )
  .refine(all => Object.keys(all).length <= 32, 'are at most 32')

/** A number of test cases. */
const cases = z.int().min(0).max(10_000)

/** What a self-test tells of itself. */
const selfTest = z.discriminatedUnion('phase', [
  z.strictObject({ op: z.literal('selftest'), phase: z.literal('begin') }),
  z.strictObject({ op: z.literal('selftest'), phase: z.literal('end'), cases, failed: cases, skipped: cases }),
])

/** What a job may ask on its `job.sock`: one JSON object a line, answered by one line. Nothing here widens anything. */
export const jobRequest = z.discriminatedUnion('op', [
  /** Says who the job is, once; and which credentials are its own, where the platform's policy has `tokens`. */
  z.strictObject({ op: z.literal('claim'), by: claimant, tokens: tokens.optional() }),
  /** Adds a policy, as text: from then on a flow passes only if it allows the flow as well. */
  z.strictObject({ op: z.literal('narrow'), policy: z.string() }),
  /** What the report would say now. */
  z.strictObject({ op: z.literal('summary') }),
  /** Has the record say that a self-test begins, or how it ended: `tidegate attest` does. */
  selfTest,
  /** Says that a checkout is complete, or what an archive holds that its commit does not; where the policy has `integrity`. */
  checkpointRequest,
  manifestRequest,
])

export type JobRequest = z.output<typeof jobRequest>

/** The facts of a self-test, as they stand in the record. */
export type SelfTest = Omit<z.output<typeof selfTest>, 'op'>

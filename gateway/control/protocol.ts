import { z } from 'zod'
import { familyOf, parseAddress } from '../net/address.ts'

/**
 * What the init step and the gateway say to each other on the control socket: one JSON object a line, one reply to each
 * request, in order. Both sides check what they are told. docs/sidecar-init.md shows a whole exchange.
 */

/** Longest line either side takes, bytes, its end included. */
export const maxLineBytes = 65_536

/** How long the gateway waits for its end of the wire when the request does not say, and at most. */
export const defaultWaitMs = 30_000
export const maxWaitMs = 600_000

export const jobName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'is no name of a job (letters, digits, . _ -)')
export const policyName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'is no name of a policy (letters, digits, . _ -)')
const networkNamespace = z.string().regex(/^net:\[\d{1,20}\]$/)
const containerId = z.string().regex(/^[0-9a-f]{64}$/)
const hardwareAddress = z.string().regex(/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/)
const secret = z.string().regex(/^[0-9a-f]{32}$/)

const v4Address = z.string().transform((text, context) => {
  const address = parseAddress(text)
  if (address !== undefined && familyOf(address) === 4) return address
  context.addIssue({ code: 'custom', message: 'is no IPv4 address' })
  return z.NEVER
})

/** Asks for a wire. The gateway's side of it exists when the reply comes; it is undone if the connection closes before `proved`. */
export const attachRequest = z.strictObject({
  op: z.literal('attach'),
  job: jobName,
  /** Default: what the gateway's configuration says for the job. */
  policy: policyName.optional(),
  /** The job's network namespace, as /proc/self/ns/net names it. */
  netns: networkNamespace.optional(),
  /** The job's container, when an engine's watcher asks for it. */
  container: containerId.optional(),
  /** How long the gateway waits for its end of the wire. */
  waitMs: z.int().min(1).max(maxWaitMs).optional(),
})

/** Says that the wire is laid and proved: from now on the gateway serves it. On the connection of its `attach` only. */
export const provedRequest = z.strictObject({
  op: z.literal('proved'),
  job: jobName,
  /** What was proved, one sentence each; they stand in the job's record. */
  checks: z.array(z.string().min(1).max(200)).min(1).max(32).readonly(),
})

/** Ends a job: its wire is cut, its log sealed. */
export const detachRequest = z.strictObject({ op: z.literal('detach'), job: jobName })

/** Asks which jobs there are. */
export const statusRequest = z.strictObject({ op: z.literal('status') })

/** Everything that can be asked. */
export const controlRequest = z.discriminatedUnion('op', [attachRequest, provedRequest, detachRequest, statusRequest])

/** How to lay and prove one wire: what the gateway has made ready, and what it will answer to probes. */
export const wirePlan = z.object({
  /** Number of the wire, four hexadecimal digits. */
  id: z.string().regex(/^[0-9a-f]{4}$/),
  /** The gateway's end. */
  device: z.string().regex(/^tg[0-9a-f]{4}$/),
  /** A process in the gateway's network namespace, as seen in the gateway's pid namespace. */
  gatewayPid: z.int().min(1).max(4_194_304),
  gatewayAddress: v4Address,
  jobAddress: v4Address,
  prefixLength: z.literal(30),
  gatewayMac: hardwareAddress,
  jobMac: hardwareAddress,
  /** The job's end. */
  jobDevice: z.literal('eth0'),
  /** With what the front door, DNS over TCP and DNS over UDP answer questions until the wire is served (`probeAnswer`). */
  probeKey: secret,
  mode: z.enum(['audit', 'block']),
})
export type WirePlan = z.infer<typeof wirePlan>

/** A refusal: `error` is one line for the user. `jobMac` is told with JOB_EXISTS when that job's wire is proved. */
export const refusal = z.object({
  ok: z.literal(false),
  code: z.string().regex(/^[A-Z][A-Z_]{1,39}$/),
  error: z.string().min(1).max(2_000),
  jobMac: hardwareAddress.optional(),
})

export const attachReply = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    plan: wirePlan,
    /** Folder of the job's files, as the gateway sees it; the trust files are in it already. */
    runDirectory: z.string().startsWith('/').optional(),
  }),
  refusal,
])

/** Reply to `proved` and `detach`. */
export const plainReply = z.discriminatedUnion('ok', [z.object({ ok: z.literal(true) }), refusal])

/** One job, as `status` tells it. */
export const jobStatus = z.object({
  job: jobName,
  policy: z.string(),
  container: containerId.optional(),
  netns: networkNamespace.optional(),
  state: z.enum(['attached', 'proved']),
  jobMac: hardwareAddress,
  /** RFC 3339. */
  startedAt: z.string(),
})
export type JobStatus = z.infer<typeof jobStatus>

export const statusReply = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), jobs: z.array(jobStatus) }),
  refusal,
])

import { z } from 'zod'
import { wirePlan } from '../../gateway/control/protocol.ts'

/**
 * What the watcher and its helpers say to each other over a helper's standard input and output: one JSON object a line. Orders
 * may overlap; each report names its order.
 */

/** Longest line either side takes, bytes, its end included. */
export const maxLayLineBytes = 65_536

/** Lay and prove this wire. */
export const layOrder = z.strictObject({
  order: z.int().min(1),
  /** Name of the file that shows the job's network namespace, in the helper's folder of them; default: the one it is in. */
  namespace: z
    .string()
    .regex(/^[0-9a-f]{8,64}$/)
    .optional(),
  plan: wirePlan,
})
export type LayOrder = z.output<typeof layOrder>

const order = layOrder.shape.order

/** How it goes: first `laid`, then `proved` with one sentence for each check; or `failed`, and then nothing of the wire is left. */
export const layReport = z.discriminatedUnion('step', [
  z.object({ order, step: z.literal('laid') }),
  z.object({ order, step: z.literal('proved'), checks: z.array(z.string()).readonly() }),
  z.object({
    order,
    step: z.literal('failed'),
    /** Could the namespace not even be entered? Then another helper may. */
    unseen: z.boolean(),
    error: z.string().min(1).max(2_000),
  }),
])
export type LayReport = z.output<typeof layReport>

import type { Decision } from '../policy/decision.ts'
import type { FlowEvent } from '../record/event.ts'

type Denied = Extract<Decision, { verdict: 'deny' }>

/**
 * What the record of an open flow says when the policy changed and the new one refuses it (bypass N19): the new decision,
 * beside the bytes that were carried before. The rule that had allowed it must not stand there as if it refused it.
 */
export function policyChanged({ verdict, reason, rule }: Denied): Partial<FlowEvent> {
  return { verdict, reason, rule: rule ?? 'no rule', error: 'POLICY_CHANGED' }
}

/** What the record says of a flow that was not carried because the job is over one of its limits. */
export const overLimit = {
  verdict: 'deny',
  reason: 'too-large',
  error: 'JOB_LIMIT',
} as const satisfies Partial<FlowEvent>

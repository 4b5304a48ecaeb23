import type { Decision } from '../policy/decision.ts'
import type { Policy } from '../policy/policy.ts'
import type { Insight, SeenConnection } from './insight.ts'

/** The decision on a connection that is to be carried unread, after those who look at the job have been asked. */
export function objected(
  { insight, policy }: { readonly insight?: Insight | undefined; readonly policy: Policy },
  decision: Decision,
  connection: SeenConnection,
): Decision {
  if (insight?.connection === undefined || decision.verdict === 'deny') return decision
  const objection = insight.connection(connection)
  if (objection === undefined) return decision
  const { reason, rule } = objection
  if (policy.mode === 'block') return { verdict: 'deny', reason, rule }
  return { verdict: 'observe', reason, rule, carriage: decision.carriage }
}

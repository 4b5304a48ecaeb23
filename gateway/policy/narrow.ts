import { assemble, sha256 } from './layers.ts'
import type { Inspect, Policy } from './policy.ts'

/**
 * The platform's policy narrowed by a job's (bypass P3): a flow passes only if both let it pass. Pure; may be used again
 * on what it returns. Nothing that the platform refuses is ever let through, whatever the job's policy says:
 *
 * - mode: `block` if either blocks, and then for the rules of both. A job that only audits would observe what its own rules
 *   refuse, and an observed flow is not held to limits; so there are no mixed modes.
 * - rules: each policy is asked; what either refuses is refused, in the name of the one that does, the platform's first.
 * - `maxRequestBytes`: the smaller. Inspection: whatever either wants to read is read.
 * - `private`: a range must be open in both. `onLogFailure`: `deny` if either says so.
 * - What a job does not say (`private`, `tls.inspect`, `onLogFailure`) stays as the platform has it.
 * - `integrity`, `packages`, `tokens`, `canaries`, `anomalies`: the platform's alone; they read files and begin with the job.
 * - `extraCa`: the platform's alone; whom the gateway trusts is not the job's to say.
 */
export function narrow(platform: Policy, job: Policy): Policy {
  const mode = platform.mode === 'block' || job.mode === 'block' ? 'block' : 'audit'
  // Left unsaid, only what has to be read for the job's own rules is read: the platform may have good reason not to.
  const inspect = job.unsaid.includes('inspect') ? 'rules' : job.tls.inspect
  const own = job.layers.map((layer, index) => ({ ...layer, inspect, name: placeName(platform.layers.length + index) }))
  const onLogFailure = job.unsaid.includes('onLogFailure') ? 'allow' : job.onLogFailure
  return assemble(
    [...platform.layers, ...own].map(layer => (layer.mode === mode ? layer : { ...layer, mode })),
    {
      tls: { ...platform.tls, inspect: stricter(platform.tls.inspect, inspect) },
      onLogFailure: platform.onLogFailure === 'deny' ? 'deny' : onLogFailure,
      insight: platform.insight,
      unsaid: [],
      digest: sha256(`${platform.digest} narrowed by ${job.digest} (${inspect}, ${onLogFailure})`),
    },
  )
}

/** How the rules of a job's policy are told from the platform's, in logs and refusals: `job:`, then `job 2:` … */
function placeName(index: number): string {
  return index <= 1 ? 'job:' : `job ${String(index)}:`
}

function stricter(a: Inspect, b: Inspect): Inspect {
  if (a === 'all' || b === 'all') return 'all'
  return a === 'rules' || b === 'rules' ? 'rules' : 'none'
}

/** What a job's policy asks for and does not get, one sentence each: said to whoever narrows, and no reason to refuse. */
export function withoutEffect(platform: Policy, job: Policy): readonly string[] {
  const said: string[] = []
  if (job.mode === 'audit' && platform.mode === 'block')
    said.push('mode: audit has no effect, as the platform blocks: what this policy does not allow is refused')
  if (job.mode === 'block' && platform.mode === 'audit')
    said.push('mode: block holds for the rules of the platform too, which were only audited until now')
  if (job.tls.extraCa.length > 0)
    said.push('tls.extraCa has no effect: whom the gateway trusts is for the platform to say')
  const looks = Object.keys(job.insight)
  if (looks.length > 0)
    said.push(
      `${looks.join(', ')}: no effect, as what is looked at beside the flows is for the platform to say, before the job starts`,
    )
  if (job.onLogFailure === 'allow' && platform.onLogFailure === 'deny')
    said.push('onLogFailure: allow has no effect, as the platform says deny')
  return said
}

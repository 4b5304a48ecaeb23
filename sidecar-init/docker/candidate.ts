import { hazardsOf } from '../../gateway/container/hazards.ts'
import { jobName, policyName } from '../../gateway/control/protocol.ts'
import type { ContainerFacts } from './engine.ts'
import { jobLabel, policyLabel } from './labels.ts'

/** What a labelled container asks for. */
export interface Candidate {
  readonly job: string
  readonly policy?: string
}

/** A container that gets no wire, and what its owner can do about it. */
export interface Rejection {
  readonly what: string
  readonly fix: string
}

/**
 * Reads what a container asks for by its labels, or why it gets no wire: because of a network beside the wire, or of
 * something with which it could leave it. Pure.
 */
export function judge({ labels, shape }: ContainerFacts, gateway: string): Candidate | Rejection {
  const job = jobName.safeParse(labels[jobLabel])
  if (!job.success)
    return { what: `has a label ${jobLabel} that names no job`, fix: 'use letters, digits, . _ - (at most 64)' }
  const policy = policyName.optional().safeParse(labels[policyLabel])
  if (!policy.success) {
    return {
      what: `has a label ${policyLabel} that names no policy`,
      fix: 'name a file of the policy folder, without .yaml',
    }
  }
  if (shape.networkMode !== 'none') {
    const has = shape.networkMode === '' || shape.networkMode === 'default' ? 'the default bridge' : shape.networkMode
    return { what: `has a network of its own (${has})`, fix: 'start it with --network none' }
  }
  if (shape.pidMode === `container:${gateway}`) {
    return { what: 'shares the gateway’s pid namespace', fix: 'give it its own (no --pid)' }
  }
  const [hazard] = hazardsOf(shape)
  if (hazard !== undefined) return hazard
  return { job: job.data, ...(policy.data === undefined ? {} : { policy: policy.data }) }
}

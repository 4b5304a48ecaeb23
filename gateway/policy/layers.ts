import { createHash } from 'node:crypto'
import type { Layer, Policy } from './policy.ts'
import { mayResolveInto, neverDialled } from './ranges.ts'

/** What a policy says beside its layers. */
export type PolicyFacts = Pick<Policy, 'tls' | 'onLogFailure' | 'insight' | 'unsaid' | 'digest'>

/** A policy of these layers, the platform's first: each must let a flow pass. */
export function assemble(layers: readonly Layer[], facts: PolicyFacts): Policy {
  // A layer that says nothing about private ranges opens none when it is the only one, and narrows none when it is not.
  const [first, ...others] = layers.map(layer => layer.privateRanges)
  const ranges = [first ?? [], ...others.filter(range => range !== undefined)]
  return {
    mode: layers.some(layer => layer.mode === 'block') ? 'block' : 'audit',
    tls: facts.tls,
    onLogFailure: facts.onLogFailure,
    insight: facts.insight,
    unsaid: facts.unsaid,
    digest: facts.digest,
    layers,
    mayResolveTo: address => ranges.every(range => mayResolveInto(range, address)),
    neverDial: neverDialled,
  }
}

/** SHA-256 (hex) of a text: what a digest of a policy is made by. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

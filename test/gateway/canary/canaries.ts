import { createHash } from 'node:crypto'
import { makeDecoys, type Decoys } from '../../../gateway/canary/decoys.ts'
import { patternsOf } from '../../../gateway/canary/encodings.ts'
import { Matcher } from '../../../gateway/canary/matcher.ts'
import type { Canary } from '../../../gateway/canary/values.ts'

/** Decoys that are the same in every run. */
export const decoys: Decoys = makeDecoys(createHash('sha256').update('tests').digest())

/** The matcher of their patterns. */
export const matcher = new Matcher(patternsOf(decoys.canaries))

/** The canary of a variable. */
export function canaryOf(variable: string): Canary {
  const found = decoys.canaries.find(({ place }) => 'variable' in place && place.variable === variable)
  if (found === undefined) throw new Error(`no canary ${variable}`)
  return found
}

import type { Mode } from '../policy/policy.ts'
import { broken, skipped, type Case, type Finding } from './case.ts'

/** A case, and what it found. */
export interface Tried {
  readonly case: Pick<Case, 'id' | 'sentence'>
  readonly finding: Finding
}

/** So many at once: each waits for most of its time, and a gateway must not take them for a flood. */
const atOnce = 8
/** A case that does not come to its end is stopped then, in milliseconds. */
const caseMs = 5_000

/**
 * Tries all cases, a few at once, and gives them in their order as soon as it may. What a case throws does not hold: a wall
 * that could not be tried is not a wall that stood.
 */
export async function* tryAll(cases: readonly Case[], mode: Mode, signal: AbortSignal): AsyncGenerator<Tried> {
  const waiting = cases.map(one => ({ one, done: Promise.withResolvers<Finding>() }))
  const queue = waiting.values()
  const work = async (): Promise<void> => {
    for (const { one, done } of queue) done.resolve(await tryOne(one, mode, signal))
  }
  const workers = Promise.all(Array.from({ length: atOnce }, work))
  for (const { one, done } of waiting) yield { case: one, finding: await done.promise }
  await workers
}

async function tryOne(one: Case, mode: Mode, signal: AbortSignal): Promise<Finding> {
  if (mode === 'audit' && one.carriedInAudit) return skipped('audit carries it')
  const late = AbortSignal.timeout(caseMs)
  try {
    signal.throwIfAborted()
    return await one.try(AbortSignal.any([signal, late]))
  } catch (cause) {
    const why = late.aborted ? `it had no end within ${caseMs / 1_000} s` : messageOf(cause)
    return broken(`the case could not be tried: ${why}`, 'mend what the message names, or report it: this is no proof')
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

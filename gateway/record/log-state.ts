import type { ChainStatus } from './chain.ts'
import type { LogState } from './summary-shape.ts'

/** What the chain says, for a summary. */
export function logState(chain: ChainStatus, lost: number): LogState {
  const { state, lines, head } = chain
  const known = { state, lines, lost, ...(lines === 0 ? {} : { head }) }
  return state === 'sealed' ? known : { ...known, line: chain.line, message: chain.message }
}

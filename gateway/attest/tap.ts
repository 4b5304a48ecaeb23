import { unreachable } from '../errors.ts'
import { printable } from '../record/printable.ts'
import type { Tried } from './try-all.ts'

/** Longest text of one diagnostic: what was reached may have said anything. */
const longest = 400

/** The plan of a TAP document (testanything.org, version 14): how many cases there are. Pure. */
export function renderPlan(count: number): string {
  return `1..${count}\n`
}

/** One test point, numbered from 1; one that did not hold has a YAML block. Pure. */
export function renderPoint(number: number, { case: { id, sentence }, finding }: Tried): string {
  const name = `${number} - ${escape(`${id}: ${sentence}`)}`
  switch (finding.kind) {
    case 'held':
      return `ok ${name}\n`
    case 'skipped':
      return `ok ${name} # SKIP ${escape(finding.why)}\n`
    case 'broken':
      return `not ok ${name}\n  ---\n  reached: ${quote(finding.reached)}\n  change: ${quote(finding.change)}\n  ...\n`
    default:
      return unreachable(finding)
  }
}

/** A comment line. Pure. */
export function renderComment(text: string): string {
  return `# ${printable(text, longest)}\n`
}

/** `#` would begin a directive. */
function escape(text: string): string {
  return printable(text, longest).replace(/[\\#]/g, character => `\\${character}`)
}

/** A JSON string is a YAML one. */
function quote(text: string): string {
  return JSON.stringify(printable(text, longest))
}

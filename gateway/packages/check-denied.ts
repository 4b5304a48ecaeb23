import type { Finding } from '../policy/finding.ts'
import { readDenied } from './denied-package.ts'

/**
 * Says which lines of `packages.deny` cannot be read, at their places in the policy's text: `run` refuses such a policy.
 * `file` is named in the findings.
 */
export function checkDenied(lines: readonly string[], text: string, file: string): readonly Finding[] {
  return lines.flatMap(line => {
    const found = readDenied(line)
    if (!('fault' in found)) return []
    const rows = text.split('\n')
    const row = rows.findIndex(one => one.includes(line))
    const column = row === -1 ? 0 : (rows[row]?.indexOf(line) ?? 0)
    const place = { file, line: Math.max(row, 0) + 1, column: column + 1 }
    const fix = 'write an exact version, or a range as docs/packages.md has them'
    return [{ ...place, severity: 'error', code: 'WRONG_VALUE', what: `${line}: ${found.fault}`, fix } as const]
  })
}

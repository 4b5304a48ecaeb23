import { parseHostname } from '../net/hostname.ts'
import { decide } from './decide.ts'
import { parsePolicy } from './document-parse.ts'
import { readUse } from './load.ts'
import type { Policy } from './policy.ts'

let preset: Policy | undefined

/**
 * The rule of the preset `known-exfiltration` that names this host, whatever policy is in force; undefined when none does.
 * Advice to open a host asks this first. The preset is read once, when it is first needed.
 */
export function knownExfiltration(name: string): string | undefined {
  const host = parseHostname(name)
  if (host === undefined) return undefined
  preset ??= parsePolicy('version: 1\nmode: audit\nuse: [known-exfiltration]\nallow: []\n', '(preset)', readUse)
  const decision = decide(preset, { kind: 'name', host })
  return decision.verdict === 'deny' ? (decision.rule ?? decision.reason) : undefined
}

import { familyOf, parseAddress } from '../net/address.ts'
import { renderPolicyText, type TextLine } from './detect/policy-text.ts'
import type { Mode } from './policy.ts'
import type { Suggestion } from './suggest.ts'
import type { SuggestedRule } from './suggest-rules.ts'
import { evidenceText } from './suggest-evidence.ts'

/** Renders a suggestion as a policy with its evidence; what was held back stands there commented out, with why. Pure. */
export function renderSuggestion(suggestion: Suggestion, mode: Mode, logs: readonly string[]): string {
  const { rules, heldBack, onlyAsked, refusedCertificate, unplaced, overflow } = suggestion
  const names = logs.length > 3 ? `${logs.slice(0, 3).join(', ')} and ${logs.length - 3} more` : logs.join(', ')
  return renderPolicyText({
    head: [
      `The smallest policy under which what was seen would pass (tidegate suggest): ${names}.`,
      ...(overflow > 0
        ? [`INCOMPLETE: ${overflow} flows went to more endpoints than are told apart, and have no rule here.`]
        : []),
    ],
    mode,
    allow: [{ lines: rules.map(ruleLine) }],
    private: suggestion.private.map(({ range, hosts }) => ({ range: rangeText(range), comment: hosts.join(', ') })),
    tail: [
      ...heldBack.flatMap(group => ['', `Held back: ${group.why}`, ...group.rules.map(heldText)]),
      ...listed('Asked for in DNS and never connected to, so not opened', onlyAsked),
      ...listed(
        'A client refused the gateway’s certificate (pinned?): if that is right for it, write tls:// for',
        refusedCertificate,
      ),
      ...(unplaced > 0 ? ['', `${unplaced} flows name no host and port, or a protocol that no rule opens.`] : []),
    ],
  })
}

function ruleLine(suggested: SuggestedRule): TextLine {
  return { rule: suggested.rule, comment: explained(suggested) }
}

function heldText(suggested: SuggestedRule): string {
  return `  - ${suggested.rule}  # ${explained(suggested)}`
}

function explained({ rule, evidence, remark }: SuggestedRule): string {
  const text = evidenceText(evidence, /^(?:udp|tcp|tls):/.test(rule) ? 'connection' : 'request')
  return remark === undefined ? text : `${text}; ${remark}`
}

function listed(title: string, names: readonly string[]): readonly string[] {
  if (names.length === 0) return []
  const shown = names.slice(0, 50)
  const more = names.length > shown.length ? [`  and ${names.length - shown.length} more`] : []
  return ['', `${title}:`, ...shown.map(name => `  ${name}`), ...more]
}

function rangeText(text: string): string {
  const address = parseAddress(text)
  return address !== undefined && familyOf(address) === 6 ? `${text}/128` : `${text}/32`
}

import { parsePolicy } from '../../../../gateway/policy/document-parse.ts'
import type { Policy } from '../../../../gateway/policy/policy.ts'
import type { Observation } from '../../../../gateway/policy/suggest-log.ts'
import { renderSuggestion } from '../../../../gateway/policy/suggest-text.ts'
import { type SuggestKnowledge, Suggester, type Suggestion } from '../../../../gateway/policy/suggest.ts'

export const knowledge: SuggestKnowledge = {
  forbiddenBy: host => (host === 'drop.test' ? 'forbid[0] drop.test' : undefined),
  isShared: host => host.endsWith('.tenants.test'),
  wildcards: true,
}

export function suggested(lines: readonly Observation[], over: Partial<SuggestKnowledge> = {}): Suggestion {
  const suggester = new Suggester({ ...knowledge, ...over })
  for (const line of lines) suggester.add(line)
  return suggester.suggestion()
}

export function rulesOf(suggestion: Suggestion): readonly string[] {
  return suggestion.rules.map(({ rule }) => rule)
}

export function policyOf(suggestion: Suggestion): Policy {
  return parsePolicy(renderSuggestion(suggestion, 'block', ['test']), 'suggested', () => undefined)
}

export function request(host: string, path: string, over: Partial<Observation> = {}): Observation {
  const facts = { layer: 'http', port: 443, method: 'GET', verdict: 'observe', reason: 'no-rule', inspected: true }
  return { ...facts, host, path, ...over }
}

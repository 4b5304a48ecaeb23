import { parse } from 'yaml'
import type { Mode } from '../policy.ts'

/** A rule with its evidence, or a comment on a line of its own. */
export type TextLine = { readonly rule: string; readonly comment?: string } | { readonly comment: string }

/** A whole policy to be written for people. */
export interface PolicyText {
  /** Comment lines at the top. */
  readonly head: readonly string[]
  readonly mode: Mode
  readonly use?: readonly { readonly preset: string; readonly comment: string }[]
  readonly allow: readonly { readonly title?: string; readonly lines: readonly TextLine[] }[]
  readonly private?: readonly { readonly range: string; readonly comment: string }[]
  readonly inspect?: 'all' | 'none'
  /** Comment lines at the end. */
  readonly tail?: readonly string[]
}

/** Renders a policy file with its evidence as comments. Nothing in a comment or a rule can end its line. Pure. */
export function renderPolicyText(policy: PolicyText): string {
  const lines = [...policy.head.map(comment), 'version: 1', `mode: ${policy.mode}`]
  if (policy.use !== undefined && policy.use.length > 0) {
    lines.push('use:', ...policy.use.map(({ preset, comment: why }) => `  - ${scalar(preset)} ${comment(why)}`))
  }
  const hasRule = policy.allow.some(section => section.lines.some(line => 'rule' in line))
  lines.push(hasRule ? 'allow:' : 'allow: []')
  for (const section of policy.allow) {
    if (section.title !== undefined) lines.push(`  ${comment(section.title)}`)
    lines.push(...section.lines.map(lineText))
  }
  if (policy.private !== undefined && policy.private.length > 0) {
    lines.push('private:', ...policy.private.map(({ range, comment: why }) => `  - ${scalar(range)} ${comment(why)}`))
  }
  if (policy.inspect !== undefined) lines.push('tls:', `  inspect: ${policy.inspect}`)
  return `${[...lines, ...(policy.tail ?? []).map(comment)].join('\n')}\n`
}

function lineText(line: TextLine): string {
  if (!('rule' in line)) return `  ${comment(line.comment)}`
  const item = `  - ${scalar(line.rule)}`
  return line.comment === undefined ? item : `${item} ${comment(line.comment)}`
}

/** Longest comment, characters. */
const longest = 240

function comment(text: string): string {
  const shown = safeText(text.length > longest ? `${text.slice(0, longest - 1)}…` : text)
  return shown === '' ? '#' : `# ${shown}`
}

/** Control characters, line ends of any kind and marks that reorder text, as escapes: what is shown is what is there. */
export function safeText(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, unicodeEscape)
}

function unicodeEscape(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
}

/** JSON for people: marks that a terminal would act on are escaped. */
export function safeJson(value: unknown): string {
  const marks = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g
  return `${JSON.stringify(value, null, 2).replaceAll(marks, unicodeEscape)}\n`
}

/** A YAML scalar that reads back as this text: plain where it can be, else quoted. */
function scalar(text: string): string {
  const isPlain = /^[\w][\w.~!$&'()+,;=:@%/*[\] -]*$/.test(text) && !/: | #|:$/.test(text) && parse(text) === text
  return isPlain ? text : JSON.stringify(text)
}

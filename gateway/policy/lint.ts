import { renderCidr } from '../net/cidr.ts'
import { rankRules } from './compile.ts'
import type { PolicyDocument } from './document.ts'
import type { Finding, Position } from './finding.ts'
import { lintBreadth } from './lint-breadth.ts'
import { lintOverlap } from './lint-overlap.ts'
import { isMetadata } from './ranges.ts'
import type { Rule } from './rule.ts'

/**
 * Everything there is to say about a policy: its faults, then what it does that its author may not mean. Rules of
 * presets are ours and are not judged; that they reach shared tenants is said where they are used.
 */
export function lint(document: PolicyDocument): readonly Finding[] {
  const own = document.rules.filter(isOwn)
  const warnings = [
    ...lintOverlap(rankRules(document.rules), isOwn),
    ...own.filter(({ effect }) => effect === 'allow').flatMap(lintBreadth),
    ...lintUses(document),
    ...lintWhole(document),
  ]
  return [...document.findings, ...warnings.toSorted(byPlace)]
}

function isOwn({ position }: Rule): boolean {
  return !position.file.startsWith('preset:')
}

function lintUses(document: PolicyDocument): readonly Finding[] {
  return document.uses.flatMap(({ name, position }) => {
    const shared = document.rules.filter(rule => rule.tenants === 'shared' && rule.place.startsWith(`${name}: `))
    if (shared.length === 0) return []
    const places = shared.map(({ text }) => text.replace(/^.* /, ''))
    const more = places.length > 3 ? ` and ${String(places.length - 3)} more` : ''
    const texts = `${places.slice(0, 3).join(', ')}${more}`
    return [
      warning(
        position,
        'SHARED_TENANT',
        `preset ${name} reaches names behind which anyone can have an account: ${texts}`,
        'copy the rules you need and add your owner, organisation or account',
      ),
    ]
  })
}

function lintWhole(document: PolicyDocument): readonly Finding[] {
  const start = { file: document.file, line: 1, column: 1 }
  const place = document.allowPosition ?? start
  const opened = (document.private ?? []).filter(({ base }) => isMetadata(base))
  return [
    ...(document.mode === 'audit' || document.rules.some(({ effect }) => effect === 'allow')
      ? []
      : [
          warning(
            place,
            'EMPTY_ALLOW',
            'no rule allows anything, so everything is refused',
            'add rules to allow, or run in audit first',
          ),
        ]),
    ...opened.map(cidr =>
      warning(
        start,
        'METADATA',
        `private: ${renderCidr(cidr)} gives out the credentials of this machine`,
        'remove it unless the build is meant to have them',
      ),
    ),
  ]
}

function warning(position: Position, code: Finding['code'], what: string, fix: string): Finding {
  return { severity: 'warning', code, what, fix, ...position }
}

function byPlace(a: Finding, b: Finding): number {
  return a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1
}

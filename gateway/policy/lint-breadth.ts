import { getPublicSuffix, parse } from 'tldts'
import { renderCidr } from '../net/cidr.ts'
import type { Finding, FindingCode } from './finding.ts'
import { dohHosts, knownMethods, metadataHosts, sharedTenants } from './lint-tables.ts'
import { isGlob } from './match.ts'
import { matchesParts } from './match-parts.ts'
import { isMetadata } from './ranges.ts'
import type { Rule } from './rule.ts'

/** Allowing rules that open more than their author may think. */
export function lintBreadth(rule: Rule): readonly Finding[] {
  const findings: Finding[] = []
  const warn = (code: FindingCode, what: string, fix: string): void => {
    findings.push({ severity: 'warning', code, what, fix, ...rule.position })
  }
  lintHost(rule, warn)
  lintRest(rule, warn)
  return findings
}

type Warn = (code: FindingCode, what: string, fix: string) => void

function lintHost({ host, text, path, methods }: Rule, warn: Warn): void {
  if (host.kind === 'address') {
    const { prefix, base } = host.cidr
    if (prefix < (base.includes(':') ? 16 : 8))
      warn(
        'EVERYTHING',
        `${renderCidr(host.cidr)} is a large part of all addresses`,
        'name the networks that are needed',
      )
    if (isMetadata(base))
      warn(
        'METADATA',
        `${base} gives out the credentials of this machine`,
        'remove the rule unless the build is meant to have them',
      )
    return
  }
  const { labels } = host
  if (labels.every(label => label === '*' || label === '**')) {
    warn(
      'EVERYTHING',
      `\`${text}\` matches every name`,
      'name the hosts that are needed: `tidegate suggest` reads them from the log of an audit',
    )
    return
  }
  const matches = (name: string): boolean => matchesParts(labels, name.split('.'), false)
  for (const name of metadataHosts.filter(matches)) {
    warn(
      'METADATA',
      `\`${text}\` reaches ${name}, which gives out the credentials of this machine`,
      'remove the rule unless the build is meant to have them',
    )
  }
  const doh = dohHosts.find(matches)
  if (doh !== undefined)
    warn(
      'DOH_HOST',
      `\`${text}\` reaches ${doh}, which answers DNS for anyone: a way out for data`,
      'name the hosts that are needed, or add a path',
    )
  if (lintSuffix(labels, text, warn)) return
  const shared = sharedTenants.find(({ host: name }) => matches(name))
  if (
    shared !== undefined &&
    (path === undefined || path[0] === '**' || path[0] === '*') &&
    methods?.every(isReading) !== true
  ) {
    warn(
      'SHARED_TENANT',
      `\`${text}\` reaches what belongs to others: anyone can have an account there`,
      `narrow it, such as ${shared.scope}`,
    )
  }
}

/** Whether the part of the name that is not a pattern belongs to nobody. */
function lintSuffix(labels: readonly string[], text: string, warn: Warn): boolean {
  const last = labels.findLastIndex(isGlob)
  if (last < 0) return false
  const fixed = labels.slice(last + 1).join('.')
  const pattern = labels[last] ?? '*'
  const sample = `${pattern.replaceAll('*', 'x')}.${fixed}`
  const suffix = getPublicSuffix(sample, { allowPrivateDomains: true })
  if (suffix === null || (fixed !== suffix && !suffix.endsWith(`.${fixed}`))) return false
  if (pattern !== '*' && pattern !== '**') {
    const bare = pattern.replaceAll('*', '')
    warn(
      'LOOKALIKE',
      `\`${text}\` also matches names that anyone can register, such as ${pattern.replace('*', 'evil-')}.${fixed}`,
      `write ${bare === '' ? 'NAME' : bare}.${fixed} and **.${bare === '' ? 'NAME' : bare}.${fixed}, or a list of the names`,
    )
  } else if (parse(sample, { allowPrivateDomains: true }).isPrivate === true) {
    warn('SHARED_TENANT', `anyone can have a name under ${fixed}`, `name your own, such as NAME.${fixed}`)
  } else {
    warn('PUBLIC_SUFFIX', `anyone can register a name under ${fixed}`, `name the domain, such as **.NAME.${fixed}`)
  }
  return true
}

function lintRest({ scheme, ports, methods, path, host, text }: Rule, warn: Warn): void {
  if (scheme === 'tcp' && ports.from <= 443 && 443 <= ports.to) {
    warn(
      'RAW_TLS_PORT',
      `\`${text}\` passes any protocol on port 443, unread and unchecked`,
      `write ${host.kind === 'name' ? `https://${host.labels.join('.')}, or tls:// where the client pins a certificate` : 'https:// or tls:// with the port'}`,
    )
  }
  for (const method of methods ?? []) {
    if (!knownMethods.has(method))
      warn(
        'UNKNOWN_METHOD',
        `${method} is not a known method`,
        'check its spelling; methods are matched as they are sent',
      )
  }
  if (path?.length === 1 && path[0] === '')
    warn('ROOT_ONLY', `\`${text}\` matches only the path /`, 'leave the last / out to mean any path, or write /**')
}

function isReading(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

import { normalisePath } from '../net/path.ts'
import type { Scheme } from './decision.ts'
import { closest } from './closest.ts'
import type { FindingCode } from './finding.ts'
import { pathSegments } from './match.ts'
import { type Problem, parseHostPattern, quote } from './rule-host.ts'
import type { Effect, HostPattern, ParsedRule, PortRange } from './rule.ts'

const defaultPorts = { https: 443, http: 80, wss: 443, ws: 80, tls: 443, tcp: undefined, udp: undefined } as const
const schemes = ['https', 'http', 'wss', 'ws', 'tls', 'tcp', 'udp'] as const satisfies readonly Scheme[]
const everyPort: PortRange = { from: 1, to: 65_535 }

/** The parts of a rule's text, still unchecked. Offsets count from the start of the text. */
interface Parts {
  readonly methods: string | undefined
  readonly target: string
  readonly targetAt: number
}

interface Target {
  readonly scheme: string | undefined
  readonly host: string
  readonly hostAt: number
  readonly port: string | undefined
  readonly portAt: number
  readonly path: string | undefined
  readonly pathAt: number
}

/** A rule, or everything that is wrong with its text (contracts.md §1). */
export type RuleResult = { readonly rule: ParsedRule } | { readonly problems: readonly Problem[] }

/** Parses `[METHOD[,METHOD…] ]TARGET`. In `deny` and `forbid` a bare host (with or without port) means every protocol. */
export function parseRule(text: string, effect: Effect): RuleResult {
  const problems: Problem[] = []
  const report = (offset: number, code: FindingCode, what: string, fix: string): void => {
    problems.push({ offset, code, what, fix })
  }

  const parts = split(text)
  if (parts === undefined) {
    report(
      0,
      'RULE_SYNTAX',
      `not a rule: ${quote(text)}`,
      'write [METHOD[,METHOD…] ]TARGET with one space, such as GET,HEAD https://api.example.com/v1/**',
    )
    return { problems }
  }
  const target = splitTarget(parts)
  const methods = parts.methods === undefined ? undefined : parseMethods(parts.methods, report)
  const known = schemes.find(name => name === target.scheme)
  if (target.scheme !== undefined && known === undefined) {
    report(
      parts.targetAt,
      'BAD_SCHEME',
      `no such scheme: ${quote(target.scheme)}`,
      `write ${closest(target.scheme, schemes) ?? 'one of'}:// (${schemes.join(', ')})`,
    )
  }

  const bare = effect !== 'allow' && target.scheme === undefined && methods === undefined && target.path === undefined
  const scheme: Scheme | 'any' = known ?? (bare ? 'any' : 'https')
  const readsRequests = scheme === 'https' || scheme === 'http' || scheme === 'wss' || scheme === 'ws'

  if (target.port?.includes(':') === true && !target.host.startsWith('[')) {
    report(target.hostAt, 'BAD_ADDRESS', 'an IPv6 address stands in brackets', 'write tcp://[2001:db8::7]:443')
    return { problems }
  }
  const host = parseHostPattern(target.host)
  if ('problem' in host) report(target.hostAt, host.problem.code, host.problem.what, host.problem.fix)
  const pattern = 'pattern' in host ? host.pattern : undefined
  if (pattern?.kind === 'address' && (target.scheme === undefined || target.port === undefined)) {
    report(
      target.hostAt,
      'BAD_ADDRESS',
      'an address needs a scheme and a port',
      `write ${target.scheme ?? 'tcp'}://${target.host}:${target.port ?? '443'}`,
    )
  }

  const ports = parsePorts(target, scheme, pattern, report)
  if (parts.methods !== undefined && scheme !== 'https' && scheme !== 'http') {
    report(0, 'BAD_METHOD', `${scheme}:// has no methods`, `leave ${quote(parts.methods)} out`)
  }
  if (target.path !== undefined && !readsRequests) {
    report(target.pathAt, 'BAD_PATH', `${scheme}:// has no path`, `leave ${quote(target.path)} out`)
  }
  const path = target.path === undefined ? undefined : parsePath(target.path, target.pathAt, report)

  if (problems.length > 0 || pattern === undefined || ports === undefined) return { problems }
  return {
    rule: {
      text,
      scheme,
      host: pattern,
      ports,
      ...(methods === undefined ? {} : { methods }),
      ...(path === undefined ? {} : { path }),
    },
  }
}

type Report = (offset: number, code: FindingCode, what: string, fix: string) => void

function split(text: string): Parts | undefined {
  const words = text.split(' ')
  const [first = '', second] = words
  if (words.length > 2 || words.includes('') || /\s/.test(words.join(''))) return undefined
  return second === undefined
    ? { methods: undefined, target: first, targetAt: 0 }
    : { methods: first, target: second, targetAt: first.length + 1 }
}

/** Cuts `[scheme://]host[:port][/path]`; the `/` of `10.0.0.0/8` and of `[2001:db8::/32]` belongs to the host. */
function splitTarget({ target, targetAt }: Parts): Target {
  const scheme = /^([^/:?#[\]]*):\/\//.exec(target)
  const rest = target.slice(scheme?.[0].length ?? 0)
  const hostAt = targetAt + target.length - rest.length
  const host = /^(?:\[[^\]]*\](?:\/[0-9]+(?=:|$))?|[0-9.]+\/[0-9]+(?=:|$)|[^/:?#]*)/.exec(rest)?.[0] ?? ''
  const after = rest.slice(host.length)
  const port = /^:([^/?#]*)/.exec(after)
  const pathAt = hostAt + host.length + (port?.[0].length ?? 0)
  const path = rest.slice(pathAt - hostAt)
  return {
    scheme: scheme?.[1],
    host,
    hostAt,
    port: port?.[1],
    portAt: hostAt + host.length + 1,
    path: path === '' ? undefined : path,
    pathAt,
  }
}

function parseMethods(raw: string, report: Report): readonly string[] {
  const methods = raw.split(',')
  for (const method of methods) {
    if (method === '*') report(0, 'BAD_METHOD', '`*` is not a method', 'leave the methods out to mean any')
    else if (method === 'CONNECT')
      report(0, 'BAD_METHOD', 'CONNECT opens a tunnel and is never forwarded', 'write tcp://host:port')
    else if (!/^[A-Z][A-Z_-]*$/.test(method)) {
      const upper = method.toUpperCase()
      const fix = /^[A-Z][A-Z_-]*$/.test(upper) ? `write ${upper}` : 'write methods like GET,HEAD'
      report(0, 'BAD_METHOD', `not a method: ${quote(method)} (methods are case-sensitive)`, fix)
    }
  }
  const unique = [...new Set(methods)]
  if (unique.length < methods.length) report(0, 'BAD_METHOD', 'a method stands twice', `write ${unique.join(',')}`)
  return unique
}

function parsePorts(
  target: Target,
  scheme: Scheme | 'any',
  host: HostPattern | undefined,
  report: Report,
): PortRange | undefined {
  if (target.port === undefined) {
    if (scheme === 'any') return everyPort
    const port = defaultPorts[scheme]
    if (port !== undefined) return { from: port, to: port }
    if (host?.kind !== 'address') {
      report(
        target.portAt - 1,
        'BAD_PORT',
        `${scheme}:// needs a port`,
        `write ${scheme}://${target.host}:PORT or ${scheme}://${target.host}:FROM-TO`,
      )
    }
    return undefined
  }
  const match = /^([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?$/.exec(target.port)
  const from = Number(match?.[1])
  const to = Number(match?.[2] ?? match?.[1])
  if (match !== null && from <= to && to <= 65_535 && (match[2] === undefined || from < to)) return { from, to }
  const fix =
    match !== null && from > to && from <= 65_535
      ? `write ${String(to)}-${String(from)}`
      : 'write a port from 1 to 65535, or a range such as 8000-8099'
  report(
    target.portAt,
    'BAD_PORT',
    `not a port or range: ${quote(target.port)}`,
    match !== null && from === to && to <= 65_535 ? `write ${String(from)}` : fix,
  )
  return undefined
}

function parsePath(raw: string, offset: number, report: Report): readonly string[] | undefined {
  if (/[?#]/.test(raw)) {
    report(
      offset,
      'BAD_PATH',
      'the query is never matched, and a fragment is never sent',
      `write ${quote(raw.replace(/[?#].*$/s, '') || '/')}`,
    )
    return undefined
  }
  const normal = normalisePath(raw)
  if (normal === undefined) {
    report(
      offset,
      'BAD_PATH',
      `no request has the path ${quote(raw)} in normal form`,
      'start with /, escape what is not printable, write no dot segments, backslashes or NUL',
    )
    return undefined
  }
  if (normal !== raw) {
    report(offset, 'NOT_CANONICAL', `paths are compared in normal form, and ${quote(raw)} is not`, `write ${normal}`)
    return undefined
  }
  const segments = pathSegments(normal)
  const joined = segments.find(segment => segment.includes('**') && segment !== '**')
  if (joined !== undefined) {
    const fix = segments.map(segment => (segment === '**' ? segment : segment.replace(/\*+/g, '*'))).join('/')
    report(
      offset,
      'BAD_PATH',
      `\`**\` stands for whole segments, not for a part of one: ${quote(joined)}`,
      `write /${fix}`,
    )
    return undefined
  }
  return segments
}

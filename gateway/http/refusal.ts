import { type ErrorCode, GatewayError, unreachable } from '../errors.ts'
import { parseAddress } from '../net/address.ts'
import type { Port } from '../net/port.ts'
import type { DenyReason, Host } from '../policy/decision.ts'
import { explainReason, renderPlace, suggestLine } from '../policy/explain.ts'
import type { Mode } from '../policy/policy.ts'
import { printable } from '../record/printable.ts'
import type { Denied } from '../upstream/outside.ts'

/** What was asked, as far as it could be understood. */
export interface RefusedRequest {
  readonly job: string
  readonly mode: Mode
  readonly scheme: 'https' | 'http' | 'wss' | 'ws'
  readonly host: Host
  readonly port: Port
  readonly method?: string
  /** Normal form, without query. */
  readonly path?: string
  /** The `Host` or `:authority` that was asked for, when it is not `host`. */
  readonly authority?: string
  /** What exactly was wrong with a request that could not be understood. */
  readonly fault?: string
}

type Status = 400 | 403 | 408 | 413 | 421 | 431 | 502 | 503 | 504

/** An answer ready to be written by HTTP/1 or HTTP/2. Header names are lower case, values ASCII; the body is UTF-8 without control characters but line feeds. */
export interface Refusal {
  readonly status: Status
  readonly statusText: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

const statusText: Readonly<Record<Status, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  408: 'Request Timeout',
  413: 'Content Too Large',
  421: 'Misdirected Request',
  431: 'Request Header Fields Too Large',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

type Cure = 'allow' | 'private' | 'size' | 'none'

/** The status of a denial, and what in the policy would change it. */
const denials: Readonly<Record<DenyReason, { readonly status: Status; readonly cure: Cure }>> = {
  'no-rule': { status: 403, cure: 'allow' },
  'denied-by-rule': { status: 403, cure: 'none' },
  forbidden: { status: 403, cure: 'none' },
  'address-literal': { status: 403, cure: 'allow' },
  'private-address': { status: 403, cure: 'private' },
  'sni-mismatch': { status: 421, cure: 'none' },
  'host-mismatch': { status: 421, cure: 'none' },
  'no-sni': { status: 403, cure: 'none' },
  method: { status: 403, cure: 'allow' },
  path: { status: 403, cure: 'allow' },
  upgrade: { status: 403, cure: 'allow' },
  protocol: { status: 403, cure: 'none' },
  'dns-type': { status: 403, cure: 'none' },
  'dns-budget': { status: 403, cure: 'none' },
  'too-large': { status: 413, cure: 'size' },
  malformed: { status: 400, cure: 'none' },
  'job-unknown': { status: 403, cure: 'none' },
  'log-failure': { status: 503, cure: 'none' },
}

const errorStatus: Readonly<Partial<Record<ErrorCode, Status>>> = {
  UPSTREAM_TIMEOUT: 504,
  LIMIT_REACHED: 431,
  JOB_LIMIT: 503,
  CLIENT_TIMEOUT: 408,
  LOG_WRITE_FAILED: 503,
}

/** Longer parts of a sentence are cut: it is to be read. */
const maxPart = 400
/** Longest policy line that is proposed. */
const maxLine = 1_024

/**
 * The sentence for a denial or a failure: one line that says what was refused and why, then, where there is one, the
 * policy line that would allow it. Pure and total: every reason and code has one. Whatever came from the job or the
 * origin is made printable (bypass P1).
 */
export function renderRefusal(about: RefusedRequest, cause: Denied | GatewayError): Refusal {
  return cause instanceof GatewayError ? renderFailure(about, cause) : renderDenial(about, cause)
}

function renderDenial(about: RefusedRequest, { reason, rule }: Denied): Refusal {
  const { status, cure } = denials[reason]
  const why = explainReason(reason)
  const fault = about.fault === undefined ? '' : `: ${printable(about.fault, maxPart)}`
  const because = rule === null ? '' : `, rule ${printable(rule, maxPart)}`
  const lines = [
    `tidegate: denied ${what(about)}: ${why}${fault} (reason ${reason}${because}, mode ${about.mode}, job ${printable(about.job, maxPart)})`,
    ...cureLines(about, cure),
  ]
  const headers = [
    ['x-tidegate-reason', reason] as const,
    ...(rule === null ? [] : [['x-tidegate-rule', ascii(rule)] as const]),
  ]
  return answer(status, headers, lines)
}

function renderFailure(about: RefusedRequest, error: GatewayError): Refusal {
  const status = errorStatus[error.code] ?? 502
  const line = `tidegate: failed ${what(about)}: ${printable(error.message, maxPart)} (error ${error.code}, mode ${about.mode}, job ${printable(about.job, maxPart)})`
  return answer(status, [['x-tidegate-error', error.code]], [line])
}

function answer(status: Status, headers: readonly (readonly [string, string])[], lines: readonly string[]): Refusal {
  const body = `${lines.join('\n')}\n`
  return {
    status,
    statusText: statusText[status],
    headers: [
      ['content-type', 'text/plain; charset=utf-8'],
      ['content-length', String(Buffer.byteLength(body))],
      ['cache-control', 'no-store'],
      ...headers,
    ],
    body,
  }
}

/** `POST https://api.example.test/x`, as far as it is known. */
function what(about: RefusedRequest): string {
  const method = about.method === undefined ? '' : `${printable(about.method, maxPart)} `
  const asked = about.authority === undefined ? '' : ` with host ${printable(about.authority, maxPart)}`
  return `${method}${printable(target(about), maxPart)}${asked}`
}

function target({ scheme, host, port, path }: RefusedRequest): string {
  return `${renderPlace(scheme, host, port)}${path ?? ''}`
}

function cureLines(about: RefusedRequest, cure: Cure): readonly string[] {
  switch (cure) {
    case 'none':
      return []
    case 'private':
      return ['allow it by adding the range of that address to `private:`']
    case 'size':
      return ['allow it with a larger `maxRequestBytes` in that rule']
    case 'allow': {
      const line = printable(allowLine(about), maxLine)
      const how = parseAddress(about.host) === undefined ? 'allow it with:' : 'if you know who holds that address:'
      // A shortened line would allow something else.
      return line.length < maxLine ? [how, `  - ${line}`] : []
    }
    default:
      return unreachable(cure)
  }
}

function allowLine({ scheme, host, port, method, path }: RefusedRequest): string {
  if (method !== undefined && path !== undefined) {
    return suggestLine({ kind: 'request', scheme, host, port, method, path })
  }
  const address = parseAddress(host)
  if (address !== undefined) return suggestLine({ kind: 'address', transport: 'tcp', address, port })
  return renderPlace(scheme, host, port)
}

function ascii(text: string): string {
  return printable(text, maxPart).replace(
    /[^\x20-\x7e]/g,
    character => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

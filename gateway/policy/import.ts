import { type Address, familyOf, parseAddress } from '../net/address.ts'
import { parseHostname } from '../net/hostname.ts'
import { parsePort, type Port } from '../net/port.ts'

/** One rule for `allow:`, and the entry it came from. */
export interface ImportedRule {
  readonly rule: string
  readonly source: string
}

/** Something about one entry; `entry` counts from 1. */
export interface ImportRemark {
  readonly entry: number
  readonly source: string
  readonly message: string
}

/** A foreign list in our words. With `faults`, `rules` lacks the entries that have one: do not use it as a policy. */
export interface ImportedEndpoints {
  readonly rules: readonly ImportedRule[]
  /** Entries that could not be translated, all of them. */
  readonly faults: readonly ImportRemark[]
  /** Entries that now mean something a little different. */
  readonly warnings: readonly ImportRemark[]
}

/**
 * Translates Harden-Runner's `allowed-endpoints`: entries `host[:port]` between white space, port 443 when absent, `*.` for any
 * number of labels. Port 443 becomes an https rule, 80 http, any other `tcp://`. Pure.
 */
export function importAllowedEndpoints(text: string): ImportedEndpoints {
  const rules = new Map<string, ImportedRule>()
  const faults: ImportRemark[] = []
  const warnings: ImportRemark[] = []
  for (const [index, source] of text
    .split(/\s+/)
    .filter(entry => entry !== '')
    .entries()) {
    const result = translate(source)
    const remark = (message: string): ImportRemark => ({
      entry: index + 1,
      source: withoutCredentials(source),
      message,
    })
    if ('fault' in result) {
      faults.push(remark(result.fault))
      continue
    }
    if (result.warning !== undefined) warnings.push(remark(result.warning))
    for (const rule of result.rules) {
      if (!rules.has(rule)) rules.set(rule, { rule, source })
      else if (result.rules.length === 1) warnings.push(remark('stands twice; the second was dropped'))
    }
  }
  return { rules: [...rules.values()], faults, warnings }
}

type Translation = { readonly rules: readonly string[]; readonly warning?: string } | { readonly fault: string }

function translate(source: string): Translation {
  if (source.includes('${{') || source.includes('$(') || source.includes('}}')) {
    return { fault: 'an expression is filled in when the job runs: import the text that it stands for' }
  }
  if (/^[A-Za-z][\w+.-]*:\/\//.test(source)) return { fault: 'a URL is not an endpoint: write host:port' }
  if (source.includes('/')) return { fault: 'an endpoint has no path and no prefix length: write host:port' }
  if (/[,;]/.test(source)) return { fault: 'entries are separated by white space, not by commas' }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::([^:]*))?$/.exec(source) ?? []
  const host = bracketed ?? plain
  if (host === undefined || host === '') return { fault: 'not an endpoint: write host:port' }
  const port =
    digits === undefined ? parsePort(443) : /^[0-9]{1,5}$/.test(digits) ? parsePort(Number(digits)) : undefined
  if (port === undefined) return { fault: 'not a port from 1 to 65535' }
  const address = parseAddress(host)
  if (address !== undefined) return addressRule(address, port)
  if (bracketed !== undefined) return { fault: 'only an IPv6 address stands in brackets' }
  return nameRules(host, port)
}

function addressRule(address: Address, port: Port): Translation {
  const host = familyOf(address) === 6 ? `[${address}]` : address
  const scheme = port === 443 ? 'https' : port === 80 ? 'http' : 'tcp'
  return {
    rules: [`${scheme}://${host}:${port}`],
    warning: 'an address is opened for whoever holds it: a name is safer',
  }
}

function nameRules(raw: string, port: Port): Translation {
  const stars = raw.split('*').length - 1
  if (/^\*+(?:\.\*+)*$/.test(raw))
    return { fault: "'*' alone opens everything: name the hosts, or write ** by hand and mean it" }
  if (stars === 0) {
    const host = parseHostname(raw)
    return host === undefined ? { fault: 'not a host name' } : { rules: [target(host, port)] }
  }
  if (stars > 1) return { fault: 'more than one * : write a rule for each pattern by hand' }
  const [before = '', after = ''] = raw.toLowerCase().replace(/\.$/, '').split('*')
  // Checked as a name with a label where the star stands.
  if (parseHostname(`${before}x${after}`) === undefined) return { fault: 'not a host name' }
  const isWholeLabel = (before === '' || before.endsWith('.')) && (after === '' || after.startsWith('.'))
  if (isWholeLabel && after !== '') return { rules: [target(`${before}**${after}`, port)] }
  if (after === '' || !after.includes('.')) return { fault: 'this * would cross into other domains: name the hosts' }
  if (before === '') {
    // `*example.com`, which means any name with that ending, look-alikes too.
    return {
      rules: [target(after, port), target(`**.${after}`, port)],
      warning: `also allowed names such as evil-${after} before; it is now ${after} and the names below it`,
    }
  }
  return {
    rules: [target(`${before}*${after}`, port)],
    warning: 'this * also matched dots before; it now stays within one label',
  }
}

function target(host: string, port: Port): string {
  if (port === 443) return host
  return port === 80 ? `http://${host}` : `tcp://${host}:${port}`
}

/** An entry may be a URL with a password by mistake: it is not repeated. */
function withoutCredentials(source: string): string {
  return source.replace(/^([A-Za-z][\w+.-]*:\/\/)?[^/]*@/, '$1')
}

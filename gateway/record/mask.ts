// A job chooses what is matched here, so every expression starts where a word starts and none can backtrack over it twice.

const mask = '***'

/** Longest command line that is looked at, characters; what is longer is cut first. */
const maxRaw = 8_192

// Forms that their issuers made recognisable, so that scanners can find them.
const tokenForms =
  /\b(?:gh[opsur]_\w{16,}|github_pat_\w{20,}|(?:AKIA|ASIA)[A-Z0-9]{16}|npm_\w{30,}|dop_v1_\w+|hf_\w{20,})|(?<![\w-])(?:glpat-[\w-]{16,}|xox[abeprs]-[\w-]{8,}|eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?|pypi-[\w-]{16,}|sk[-_][\w-]{16,}|AIza[\w-]{30,}|SG\.[\w-]{16,}\.[\w-]+)/g
const hookForms = /(\/services\/T\w+\/B\w+\/|\/bot\d+:|\/webhooks\/\d+\/)[\w-]+/g
const pathParameter = /;([\w.-]+)=[^/;]*/g
const sessionName = /session|sid|token|auth|key/i

/** Masks credentials that a path carries by its form: known token shapes, webhook secrets, `;jsessionid=`. */
export function maskPath(path: string): string {
  return path
    .replace(tokenForms, mask)
    .replace(hookForms, `$1${mask}`)
    .replace(pathParameter, (whole, name: string) => (sessionName.test(name) ? `;${name}=${mask}` : whole))
}

const secretName =
  /token|passw(?:or)?d|passphrase|secret|api[-_]?key|access[-_]?key|private[-_]?key|auth|credential|cookie/i
const userOptions: ReadonlySet<string> = new Set(['-u', '--user', '--proxy-user', '--http-user'])
const bodyOption = /^(?:-[a-zA-Z]*[dF]|--data(?:-\w+)?|--form(?:-string)?|--json|--post-data|--body-data)$/
const scheme = /^(?:bearer|basic|digest|token)$/i
const takesPassword = /^(?:sshpass|mysql\w*|login)$/
const longWord = /[A-Za-z0-9+_-]{40,}={0,2}/g

/** What the words that follow are, after one that announces a secret. */
type Expecting =
  | { readonly what: 'nothing' }
  /** One word, or more until the closing quote. */
  | { readonly what: 'value' }
  /** Words until the next option or address: a header or body whose quotes are lost. `@file` is no body. */
  | { readonly what: 'rest'; readonly masked: boolean }
  | { readonly what: 'quoted'; readonly quote: string }
  | { readonly what: 'user' }

const nothing: Expecting = { what: 'nothing' }

/**
 * Masks what is likely a secret on a command line: credentials in addresses and headers, queries, values of options and
 * variables named like secrets, bodies given to curl or wget, known token shapes, long words that mix cases and digits.
 * A best effort, towards masking too much: a secret that looks like an ordinary word stays. Linear in the command.
 */
export function maskCommand(command: string): string {
  const words = command.slice(0, maxRaw).split(/[ \t\n]/)
  const sendsBodies = words.some(word => /(?:^|\/)(?:curl|wget)$/.test(word))
  const hasPassword = words.some(word => takesPassword.test(word))
  let expecting: Expecting = nothing
  const masked: string[] = []
  for (const word of words) {
    const step = maskWord(word, expecting, sendsBodies, hasPassword)
    expecting = step.next
    if (step.text !== undefined) masked.push(step.text)
  }
  return masked.join(' ')
}

interface Step {
  /** Undefined when the word is part of a secret that is masked already. */
  readonly text: string | undefined
  readonly next: Expecting
}

function maskWord(word: string, expecting: Expecting, sendsBodies: boolean, hasPassword: boolean): Step {
  const begins = word.startsWith('-') || word.includes('://')
  switch (expecting.what) {
    case 'quoted':
      return { text: undefined, next: word.endsWith(expecting.quote) ? nothing : expecting }
    case 'value':
      if (word.startsWith('-')) break
      return scheme.test(word) ? { text: undefined, next: expecting } : { text: mask, next: afterValue(word) }
    case 'rest':
      if (begins) break
      if (!expecting.masked && word.startsWith('@')) return { text: word, next: nothing }
      return {
        text: expecting.masked ? undefined : mask,
        next: /['"]$/.test(word) ? nothing : { what: 'rest', masked: true },
      }
    case 'user':
      return { text: maskUser(word), next: nothing }
    case 'nothing':
      break
    default:
      return expecting
  }
  return announce(word, sendsBodies, hasPassword)
}

/** A word that stands by itself, and what it says of the next. */
function announce(word: string, sendsBodies: boolean, hasPassword: boolean): Step {
  const isOption = word.startsWith('-')
  if (userOptions.has(word)) return { text: word, next: { what: 'user' } }
  if (sendsBodies && bodyOption.test(word)) return { text: word, next: { what: 'rest', masked: false } }
  if (hasPassword && word === '-p') return { text: word, next: { what: 'value' } }

  const equals = word.indexOf('=')
  const name = equals === -1 ? word : word.slice(0, equals)
  if (equals !== -1 && !name.includes('?') && secretName.test(name) && !name.includes('://')) {
    const value = word.slice(equals + 1)
    return { text: `${name}=${mask}`, next: value === '' ? { what: 'value' } : afterValue(value) }
  }
  if (equals !== -1 && isOption && sendsBodies && bodyOption.test(name))
    return { text: `${name}=${mask}`, next: { what: 'rest', masked: true } }
  if (equals !== -1 && userOptions.has(name))
    return { text: `${name}=${maskUser(word.slice(equals + 1))}`, next: nothing }

  const colon = word.indexOf(':')
  if (colon !== -1 && !word.includes('://') && secretName.test(word.slice(0, colon))) {
    const rest = word.slice(colon + 1)
    return { text: rest === '' ? word : `${word.slice(0, colon)}:${mask}`, next: { what: 'rest', masked: rest !== '' } }
  }
  if (isOption && equals === -1 && secretName.test(word)) return { text: word, next: { what: 'value' } }
  return { text: maskPlain(word), next: nothing }
}

/** A value that opens a quote and does not close it goes on in the next words. */
function afterValue(value: string): Expecting {
  const quote = value[0] ?? ''
  const isOpen = (quote === '"' || quote === "'") && !(value.length > 1 && value.endsWith(quote))
  return isOpen ? { what: 'quoted', quote } : nothing
}

function maskUser(word: string): string {
  const colon = word.indexOf(':')
  return colon === -1 ? maskPlain(word) : `${word.slice(0, colon)}:${mask}`
}

/** An address without user information and query; known shapes; long words. */
function maskPlain(word: string): string {
  const query = word.search(/[?#]/)
  const hasQuery = query !== -1 && (word.includes('://') || word.includes('=', query))
  const bare = hasQuery ? `${word.slice(0, query)}?${mask}` : word
  return maskPath(maskUserInformation(bare)).replace(longWord, long =>
    /[a-z]/.test(long) && /[A-Z]/.test(long) && /\d/.test(long) ? mask : long,
  )
}

function maskUserInformation(word: string): string {
  const start = word.indexOf('://')
  if (start === -1) return word
  const slash = word.indexOf('/', start + 3)
  const end = slash === -1 ? word.length : slash
  // `me:pa/ss@host`: a colon that no port follows belongs to a password, which may hold a slash.
  const isCut = /:(?!\d*$)/.test(word.slice(start + 3, end))
  const at = word.lastIndexOf('@', isCut ? word.length : end)
  return at < start ? word : `${word.slice(0, start + 3)}${mask}${word.slice(at)}`
}

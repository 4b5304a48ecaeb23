import type { Objection, RequestLook, SeenRequest } from '../insight/insight.ts'
import type { InsightHost, InsightPart } from '../insight/part.ts'
import type { AlarmKind } from '../record/event.ts'
import { BodySearch } from './body-search.ts'
import { credentialsOf, githubTokensIn, isGithubToken } from './credential.ts'
import { type Home, homeOf, ownHosts, type OwnHosts } from './homes.ts'
import { Identities, type Identity } from './identities.ts'
import { ownCredentials } from './own-credentials.ts'
import { bodyToRead } from './request-reading.ts'
import { TokenLook } from './token-look.ts'

/** What an alarm calls the place where a token is at home. */
const homeText: Readonly<Record<Home, string>> = { github: 'GitHub', azure: 'Azure DevOps' }

const pinObjection: Objection = { reason: 'denied-by-rule', rule: 'tokens.pin' }

/**
 * Looks at the credentials of a job's requests (policy key `tokens`): tells them apart in the log, notes what
 * `tidegate permissions` needs, raises `token-abroad`, and with `pin` refuses tokens that the job did not have when it
 * started. Costs one HMAC for each credential, nothing for each further use.
 */
export async function openPermissions(host: InsightHost): Promise<InsightPart> {
  const watch = new TokenWatch(host)
  return {
    insight: { request: request => watch.request(request) },
    claimed: credentials => watch.claimed(credentials),
    async [Symbol.asyncDispose]() {
      // Nothing is held but memory.
    },
  }
}

/** Most findings that are told once, and hosts that are looked up once; further ones are each time. */
const mostTold = 1_024

class TokenWatch {
  readonly #host: InsightHost
  readonly #own: OwnHosts
  readonly #identities = new Identities()
  readonly #told = new Set<string>()
  readonly #homes = new Map<string, Home | undefined>()

  constructor(host: InsightHost) {
    this.#host = host
    this.#own = ownHosts(host.environment)
    for (const { secret, variable, home } of ownCredentials(host.environment))
      this.#identities.start(secret, variable, home)
  }

  claimed(credentials: Readonly<Record<string, string>>): void {
    for (const { secret, variable, home } of ownCredentials(credentials)) this.#identities.claim(secret, variable, home)
  }

  request(request: SeenRequest): RequestLook | undefined {
    const home = this.#homeOf(request.host)
    const sent = this.#identitiesOf(request)
    const [identity] = sent
    this.#watchAbroad(request, home, sent)
    if (home === undefined) return this.#searchBody(request, identity)
    // Of what is asked for without a credential, only the answers that hand out one are of interest.
    if (identity === undefined && bodyToRead(request.host, request.method, request.path ?? '') !== 'token')
      return undefined
    const objection = sent.map(one => this.#pin(request, home, one)).find(one => one !== undefined)
    return new TokenLook(request, home, { identity, identities: this.#identities, objection })
  }

  #identitiesOf({ fields }: SeenRequest): readonly Identity[] {
    const found: Identity[] = []
    for (const secret of credentialsOf(fields)) {
      const identity = this.#identities.of(secret)
      if (identity === undefined) continue
      if (isGithubToken(secret)) identity.home ??= 'github'
      found.push(identity)
    }
    return found
  }

  #homeOf(host: string): Home | undefined {
    if (this.#homes.has(host)) return this.#homes.get(host)
    const home = homeOf(host, this.#own)
    if (this.#homes.size < mostTold) this.#homes.set(host, home)
    return home
  }

  /** Alarms of tokens that a host is sent which is not their home, in whatever field or in the URL. */
  #watchAbroad(request: SeenRequest, home: Home | undefined, sent: readonly Identity[]): void {
    for (const identity of sent)
      if (identity.home !== undefined && identity.home !== home) this.#abroad(request, identity)
    if (home === 'github') return
    this.#search(request, request.target)
    for (const [, value] of request.fields.entries()) this.#search(request, value)
  }

  #search(request: SeenRequest, text: string): void {
    for (const secret of githubTokensIn(text)) {
      const found = this.#identities.of(secret)
      if (found === undefined) continue
      found.home ??= 'github'
      this.#abroad(request, found)
    }
  }

  /** A body that goes abroad is searched for the tokens that are known, as they are; encoded ones are for canaries. */
  #searchBody(request: SeenRequest, identity: Identity | undefined): RequestLook | undefined {
    const note = identity === undefined ? undefined : { token: identity.id }
    const wanted = this.#identities
      .atHome()
      .map(one => ({ bytes: Buffer.from(one.secret, 'latin1'), identity: one.identity }))
    if (wanted.length === 0) return note === undefined ? undefined : { note }
    return new BodySearch(note, wanted, found => this.#abroad(request, found))
  }

  #abroad(request: SeenRequest, { id, home = 'github', variable }: Identity): void {
    const name = variable === undefined ? '' : ` (${variable})`
    const end =
      request.verdict === 'deny'
        ? 'the request was refused, so it did not get there'
        : 'revoke it, and find out what in the job sends it'
    const note = `a token of ${homeText[home]}${name} was sent to ${request.host}, which is not its home: ${end}`
    this.#alarm('token-abroad', id, note, request)
  }

  #pin(request: SeenRequest, home: Home, { id, pinned }: Identity): Objection | undefined {
    if (this.#host.policy().insight.tokens?.pin !== true || pinned) return undefined
    const note = `a token that the job did not have when it started was used at ${homeText[home]} (tokens.pin): an account of somebody else, or a credential that the job must be given in its environment`
    this.#alarm('token-unpinned', id, note, request)
    return pinObjection
  }

  #alarm(kind: AlarmKind, token: string, note: string, { host, port, flow, process }: SeenRequest): void {
    const key = `${kind} ${token} ${host}`
    if (this.#told.has(key)) return
    if (this.#told.size < mostTold) this.#told.add(key)
    this.#host.alarm({ kind, note, subject: `token ${token}`, host, port, flow, process })
  }
}

import type { LogLine } from '../record/line-schema.ts'
import { azureDeed, azureNeed } from './azure-needs.ts'
import { githubDeed, githubNeed, repositoryOf } from './github-needs.ts'
import type { GithubRoutes } from './github-routes.ts'
import { type Home, homeOf } from './homes.ts'
import type { LoggedRequest, Need } from './need.ts'

/** Requests of one token that ask for the same. */
export interface Use {
  /** What they were for: a line of evidence. */
  readonly deed: string
  readonly need: Need
  /** `owner/name` of what is only read in it, and is free to read if it is public. */
  readonly repository: string | undefined
  count: number
}

/** What one token of one job was used for at its home. */
export interface TokenUses {
  readonly id: string
  readonly home: Home
  readonly job: string
  /** Variable of the job's environment that holds it. */
  variable: string | undefined
  requests: number
  /** By what tells them apart. */
  readonly uses: Map<string, Use>
  /** What was asked for and refused: count by deed. It grants nothing. */
  readonly refused: Map<string, number>
}

/** Most different uses of a token that are told apart. */
const mostUses = 10_000
/** Answers that show that a token may not. Azure DevOps also sends those that it does not know to its sign-in. */
const saysNo: Readonly<Record<Home, ReadonlySet<number>>> = {
  github: new Set([401, 403, 404]),
  azure: new Set([203, 302, 401, 403, 404]),
}

/** Collects what tokens were used for, from the lines of one log. */
export class UsesCollector {
  readonly #routes: GithubRoutes
  readonly #tokens = new Map<string, TokenUses>()
  /** What was read without a token: `owner/name`, and `owner/name deed`. */
  readonly #public = new Set<string>()
  #overflow = 0

  constructor(routes: GithubRoutes) {
    this.#routes = routes
  }

  /** Uses that were not told apart, as there were too many. */
  get overflow(): number {
    return this.#overflow
  }

  add(line: LogLine): void {
    if (line.layer !== 'http' || line.verdict === 'deny') return
    const { host, method, path, status, details } = line
    if (host === undefined || method === undefined || path === undefined || status === undefined) return
    const home = details?.home ?? homeOf(host, new Map()) ?? enterpriseHome(path)
    if (home === undefined || status >= 500 || status === 429 || status < 200) return
    const { git, graphql, accepted } = details ?? {}
    const request: LoggedRequest = { host, method, path, status, git, graphql, accepted }
    if (line.token === undefined) this.#addPublic(request, home)
    else this.#addUse(request, home, line)
  }

  /** The tokens in the order of their first use. */
  tokens(): readonly TokenUses[] {
    return [...this.#tokens.values()]
  }

  /** True for a use that the log itself shows to be possible without any token. */
  isFree({ deed, need, repository }: Use): boolean {
    if (repository === undefined || !('anyOf' in need)) return false
    if (this.#public.has(`${repository} ${deed}`)) return true
    const isContents = need.anyOf.some(set => Object.keys(set).join() === 'contents' && set['contents'] === 'read')
    return isContents && this.#public.has(repository)
  }

  #addPublic(request: LoggedRequest, home: Home): void {
    const repository = repositoryOf(request)
    if (home !== 'github' || repository === undefined || request.status >= 400 || this.#public.size >= mostUses) return
    this.#public.add(repository)
    this.#public.add(`${repository} ${githubDeed(request, this.#routes)}`)
  }

  #addUse(
    request: LoggedRequest,
    home: Home,
    { token = '', job, details }: LogLine & { token?: string; details?: object },
  ): void {
    const uses = this.#usesOf(token, home, job)
    uses.requests += 1
    const variable = details !== undefined && 'credential' in details ? details.credential : undefined
    if (typeof variable === 'string') uses.variable = variable
    const deed = home === 'github' ? githubDeed(request, this.#routes) : azureDeed(request)
    if (saysNo[home].has(request.status)) {
      if (uses.refused.size < mostUses) uses.refused.set(deed, (uses.refused.get(deed) ?? 0) + 1)
      return
    }
    const need = home === 'github' ? githubNeed(request, this.#routes) : azureNeed(request)
    const repository = home === 'github' && isReading(request) ? repositoryOf(request) : undefined
    const key = JSON.stringify([deed, need, repository])
    const known = uses.uses.get(key)
    if (known !== undefined) known.count += 1
    else if (uses.uses.size < mostUses) uses.uses.set(key, { deed, need, repository, count: 1 })
    else this.#overflow += 1
  }

  #usesOf(id: string, home: Home, job: string): TokenUses {
    const key = `${id} ${home}`
    const known = this.#tokens.get(key)
    if (known !== undefined) return known
    const uses = { id, home, job, variable: undefined, requests: 0, uses: new Map(), refused: new Map() }
    this.#tokens.set(key, uses)
    return uses
  }
}

function isReading({ method, git }: LoggedRequest): boolean {
  return git === undefined ? method === 'GET' || method === 'HEAD' : git === 'upload-pack' || git === 'lfs-download'
}

/** The API of an Enterprise server is at this path of any host; nobody else's is. */
function enterpriseHome(path: string): Home | undefined {
  return /^\/api\/(?:v3|uploads)(?:\/|$)|^\/api\/graphql$/.test(path) ? 'github' : undefined
}

import type { GithubRoutes } from './github-routes.ts'
import { gitNeed } from './git-needs.ts'
import { graphqlNeed } from './graphql-needs.ts'
import { isIn } from './homes.ts'
import { type Access, type Grants, type LoggedRequest, type Need, needs, nothing } from './need.ts'

/** What a request to a host of GitHub needs of its token. */
export function githubNeed(request: LoggedRequest, routes: GithubRoutes): Need {
  const { accepted } = request
  const said = accepted === undefined ? undefined : acceptedNeed(accepted)
  const told = toldNeed(request, routes)
  if (said === undefined) return told
  // What GitHub itself says it accepts goes before any table, unless the table tells which of it.
  return 'anyOf' in told && told.anyOf.every(set => said.anyOf.some(one => isSame(one, set))) ? told : said
}

function isSame(a: Grants, b: Grants): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every(name => a[name] === b[name])
}

/** What the tables, and paths that are no API's, tell of it. */
function toldNeed(request: LoggedRequest, routes: GithubRoutes): Need {
  const { host, method, path } = request
  if (isIn(host, 'actions.githubusercontent.com') || isIn(host, 'actions.ghe.com')) return runnerNeed(path)
  if (isRegistry(host)) return registryNeed(request)
  if (host === 'models.github.ai') return needs('models', 'read')
  if (host === 'raw.githubusercontent.com' || host === 'codeload.github.com') return needs('contents', 'read')
  const git = gitNeed(request, 'contents')
  if (git !== undefined) return git
  const api = apiPath(host, path)
  if (api === undefined) return { unknown: `${method} ${generalised(path)}` }
  if (api === '/graphql') return graphqlNeed(request.graphql ?? 'unread')
  return routes.find(method, api)?.need ?? { unknown: `${method} ${generalised(api)}` }
}

/** What a request was for, in a line of evidence; names of owners and repositories are left out. */
export function githubDeed(request: LoggedRequest, routes: GithubRoutes): string {
  const { host, method, path, git } = request
  if (git !== undefined) return `git ${git}`
  const api = isRegistry(host) ? undefined : apiPath(host, path)
  if (api === undefined) return `${method} ${host}`
  if (api === '/graphql') return `POST /graphql ${request.graphql ?? 'unread'}`
  return routes.find(method, api)?.text ?? `${method} ${generalised(api)}`
}

/** `owner/name` of the repository that a request is about; undefined where it does not say. */
export function repositoryOf({ host, path }: LoggedRequest): string | undefined {
  const api = apiPath(host, path)
  if (api !== undefined) return /^\/repos\/([^/]+\/[^/]+)/.exec(api)?.[1]?.toLowerCase()
  if (host === 'raw.githubusercontent.com' || host === 'codeload.github.com')
    return /^\/([^/]+\/[^/]+)\//.exec(path)?.[1]?.toLowerCase()
  return /^\/([^/]+\/[^/]+?)(?:\.git)?\/(?:info\/refs|info\/lfs\/|git-upload-pack$)/.exec(path)?.[1]?.toLowerCase()
}

/** The path below an API's root; undefined for what is no API. */
function apiPath(host: string, path: string): string | undefined {
  if (host.startsWith('api.') || host.startsWith('uploads.')) return path
  // An Enterprise server has all of it on one host.
  const [, root, rest = ''] = /^\/api\/(v3|uploads|graphql)((?:\/.*)?)$/.exec(path) ?? []
  if (root === undefined) return undefined
  return root === 'graphql' ? '/graphql' : rest === '' ? '/' : rest
}

/** Names in the header and in workflows differ in these. */
const workflowNames: ReadonlyMap<string, string> = new Map(
  Object.entries({
    security_events: 'security-events',
    pull_requests: 'pull-requests',
    repository_projects: 'repository-projects',
    vulnerability_alerts: 'vulnerability-alerts',
    artifact_metadata: 'artifact-metadata',
  }),
)

/** `pull_requests=read,contents=read; issues=read`: sets, parted by semicolons, of which one is needed. */
function acceptedNeed(header: string): { readonly anyOf: readonly Grants[] } | undefined {
  const sets: Grants[] = []
  for (const set of header.split(';')) {
    const grants: Record<string, Access> = {}
    for (const part of set.split(',')) {
      const [name = '', access] = part.trim().split('=')
      if (access !== 'read' && access !== 'write' && access !== 'admin') return undefined
      // Every token can read metadata.
      if (name !== 'metadata') grants[workflowNames.get(name) ?? name.replaceAll('_', '-')] = access
    }
    sets.push(grants)
  }
  return { anyOf: sets }
}

/** The services of GitHub's runners: they take the runner's own tokens, for which no permission is asked; but for one. */
function runnerNeed(path: string): Need {
  return /\/idtoken$/i.test(path) ? needs('id-token', 'write') : nothing
}

function isRegistry(host: string): boolean {
  return (
    host === 'ghcr.io' || isIn(host, 'pkg.github.com') || /^(?:containers|docker|npm|maven|nuget|rubygems)\./.test(host)
  )
}

/** Handing out a token; asking whether anybody is there, and as whom. */
const freeOfRegistries = new Set(['/token', '/v2', '/v2/', '/-/ping', '/-/whoami'])

/** GitHub Packages: container images, npm, Maven, NuGet, RubyGems. */
function registryNeed({ method, path }: LoggedRequest): Need {
  if (freeOfRegistries.has(path)) return nothing
  if (path.startsWith('/-/npm/')) return { unknown: `${method} ${path}` }
  if (method === 'GET' || method === 'HEAD') return needs('packages', 'read')
  if (method === 'PUT' || method === 'POST' || method === 'PATCH' || method === 'DELETE')
    return needs('packages', 'write')
  return { unknown: `${method} ${generalised(path)}` }
}

/** A path without the names of what it is about, as far as they can be told. */
function generalised(path: string): string {
  return path
    .replace(/^\/repos\/[^/]+\/[^/]+/, '/repos/{owner}/{repo}')
    .replace(/^\/(orgs|users|enterprises)\/[^/]+/, (_, kind: string) => `/${kind}/{${kind.slice(0, -1)}}`)
    .replace(/\/(?:\d+|[0-9a-f]{7,64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=\/|$)/gi, '/{id}')
}

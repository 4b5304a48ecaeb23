/** Whose tokens a host takes. */
export type Home = 'github' | 'azure'

/** Hosts of an installation of one's own, which the job's environment names. */
export type OwnHosts = ReadonlyMap<string, Home>

/** GitHub's own domains: all of what is below them is GitHub's. */
const githubDomains = ['github.com', 'githubusercontent.com', 'ghcr.io', 'github.ai', 'ghe.com', 'githubcopilot.com']
const azureDomains = ['dev.azure.com', 'visualstudio.com', 'vsassets.io']

/** The variables in which CI systems name where they are. */
const githubVariables = [
  'GITHUB_SERVER_URL',
  'GITHUB_API_URL',
  'GITHUB_GRAPHQL_URL',
  'GH_HOST',
  'GH_ENTERPRISE_HOST',
  'ACTIONS_ID_TOKEN_REQUEST_URL',
  'ACTIONS_RUNTIME_URL',
  'ACTIONS_RESULTS_URL',
  'ACTIONS_CACHE_URL',
]
const azureVariables = [
  'SYSTEM_COLLECTIONURI',
  'SYSTEM_TEAMFOUNDATIONCOLLECTIONURI',
  'SYSTEM_TEAMFOUNDATIONSERVERURI',
  'AZURE_DEVOPS_EXT_ORGANIZATION_URL',
]

/** Where tokens are at home at a host; undefined where they are not. `host` in lower case. */
export function homeOf(host: string, own: OwnHosts): Home | undefined {
  if (githubDomains.some(domain => isIn(host, domain))) return 'github'
  if (azureDomains.some(domain => isIn(host, domain))) return 'azure'
  const known = own.get(host)
  if (known !== undefined) return known
  // An Enterprise host has its registries, and with subdomains its API, below it.
  return [...own].find(([name, home]) => home === 'github' && isIn(host, name))?.[1]
}

/**
 * Whether an answer says that the request's credential was taken: success. To one that it does not know, Azure DevOps
 * answers 203 with a page to sign in at.
 */
export function isTaken(home: Home, status: number): boolean {
  return status >= 200 && status < 300 && !(home === 'azure' && status === 203)
}

/** The hosts that the environment of a job names as its own GitHub or Azure DevOps. */
export function ownHosts(environment: Readonly<Record<string, string | undefined>>): OwnHosts {
  const own = new Map<string, Home>()
  const add = (names: readonly string[], home: Home): void => {
    for (const name of names) {
      const host = hostIn(environment[name] ?? '')
      if (host !== undefined && homeOf(host, new Map()) === undefined) own.set(host, home)
    }
  }
  add(githubVariables, 'github')
  add(azureVariables, 'azure')
  return own
}

/** The host of a URL, or of a bare name. */
function hostIn(text: string): string | undefined {
  const [, host] = /^(?:https?:\/\/)?([a-z0-9.-]+\.[a-z0-9-]+)(?::\d+)?(?:\/|$)/i.exec(text) ?? []
  return host?.toLowerCase()
}

/** True for a domain and what is below it. */
export function isIn(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`)
}

import { gitNeed } from './git-needs.ts'
import { isIn } from './homes.ts'
import { type LoggedRequest, type Need, needs, nothing } from './need.ts'

/**
 * Areas of Azure DevOps' REST API (the segment after `_apis`) and the scope, as its pages name it, that their operations
 * ask for. Source: "REST API Reference" and "Scopes" of learn.microsoft.com/azure/devops (2025).
 */
const areas: Readonly<Record<string, string>> = {
  git: 'Code',
  tfvc: 'Code',
  policy: 'Code',
  sourceproviders: 'Build',
  build: 'Build',
  pipelines: 'Build',
  packaging: 'Packaging',
  provenance: 'Packaging',
  wit: 'Work Items',
  work: 'Work Items',
  release: 'Release',
  test: 'Test Management',
  testplan: 'Test Management',
  testresults: 'Test Management',
  wiki: 'Wiki',
  projects: 'Project and Team',
  teams: 'Project and Team',
  process: 'Work Items',
  processes: 'Project and Team',
  serviceendpoint: 'Service Connections',
  graph: 'Graph',
  identities: 'Identity',
  dashboard: 'Dashboards',
  symbol: 'Symbols',
}

/** Below `distributedtask`, the resource says which scope. */
const taskResources: Readonly<Record<string, string>> = {
  variablegroups: 'Variable Groups',
  pools: 'Agent Pools',
  queues: 'Agent Pools',
  agentclouds: 'Agent Pools',
  securefiles: 'Secure Files',
  environments: 'Environment',
  deploymentgroups: 'Deployment Groups',
  taskgroups: 'Task Groups',
}

/** Where a client finds out what there is, and who it is. */
const free = new Set(['', 'connectiondata', 'location', 'resourceareas', 'contributedfeatures', 'servicelevel'])

/** Operations that are asked with POST and only read, by area and last segment. */
const readingPosts = new Set([
  'git/commitsbatch',
  'git/itemsbatch',
  'git/pullrequestquery',
  'git/diffs',
  'wit/wiql',
  'wit/workitemsbatch',
  'wit/reporting',
  'wiki/pagesbatch',
  'packaging/versions',
])

/** What a request to Azure DevOps needs of its token. Scopes are `read` or `write`; `write` includes `read`. */
export function azureNeed(request: LoggedRequest): Need {
  const { host, method, path } = request
  const git = gitNeed(request, 'Code')
  if (git !== undefined) return git
  const unknown: Need = { unknown: azureDeed(request) }
  if (method === 'OPTIONS') return nothing
  const isFeeds = /(?:^|\.)(?:pkgs|feeds)\./.test(host)
  const segments = path.toLowerCase().split('/').slice(1)
  const at = segments.indexOf('_apis')
  // Clients of registries are served below `_packaging`.
  if (segments.includes('_packaging')) return packaging(method)
  if (at === -1) return isFeeds || isIn(host, 'vsassets.io') ? unknown : unknown
  const area = segments[at + 1] ?? ''
  if (free.has(area)) return nothing
  if (area === 'distributedtask') return taskNeed(segments.slice(at + 2), method, unknown)
  if (area === 'resources' && segments[at + 2] === 'containers') return needs('Build', accessOf(method))
  const scope = Object.hasOwn(areas, area) ? areas[area] : undefined
  if (scope === undefined) return unknown
  if (scope === 'Packaging') return packaging(method)
  if (method === 'POST' && isReadingPost(area, segments)) return needs(scope, 'read')
  return needs(scope, accessOf(method))
}

/** What a request was for, without the names of organisation and project. */
export function azureDeed({ host, method, path, git }: LoggedRequest): string {
  if (git !== undefined) return `git ${git}`
  const segments = path.split('/').slice(1)
  const at = segments.findIndex(segment => /^_(?:apis|packaging|git)$/i.test(segment))
  if (at === -1) return `${method} ${host}`
  const places = ['{organization}', '{project}'].slice(isIn(host, 'visualstudio.com') ? 1 : 0)
  const rest = segments
    .slice(at)
    .map((segment, index) =>
      index > 1 && /^\d+$|^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(segment) ? '{id}' : segment,
    )
  return `${method} /${[...places.slice(0, at), ...rest].join('/')}`
}

function packaging(method: string): Need {
  return needs('Packaging', accessOf(method))
}

/** Agents report on their own plan with the token of the job: for that no scope is asked. */
function taskNeed([resource = '', ...rest]: readonly string[], method: string, unknown: Need): Need {
  if (resource === 'hubs') return rest.includes('oidctoken') ? unknown : nothing
  const scope = Object.hasOwn(taskResources, resource) ? taskResources[resource] : undefined
  return scope === undefined ? unknown : needs(scope, accessOf(method))
}

function isReadingPost(area: string, segments: readonly string[]): boolean {
  return segments.some(segment => readingPosts.has(`${area}/${segment}`))
}

function accessOf(method: string): 'read' | 'write' {
  return method === 'GET' || method === 'HEAD' ? 'read' : 'write'
}

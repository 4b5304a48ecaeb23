import { isForWorkflow } from './least.ts'
import type { TokenPermissions } from './token-permissions.ts'

/** Most lines of evidence for a permission, and of what else is listed. */
const mostEvidence = 4
const mostListed = 20

/** The JSON of `tidegate permissions` (contracts.md §2). */
export function renderPermissionsJson(tokens: readonly TokenPermissions[]): string {
  const shown = tokens.map(({ id, home, permissions, unknown, requests }) => ({
    id,
    home,
    permissions,
    unknown,
    requests,
  }))
  return `${JSON.stringify({ tokens: shown }, undefined, 2)}\n`
}

/** A YAML document for each token: what to paste, with what it rests on in comments. */
export function renderPermissionsYaml(tokens: readonly TokenPermissions[]): string {
  if (tokens.length === 0) return '# no request to GitHub or Azure DevOps names a token\n'
  return tokens.map(token => (token.home === 'github' ? github(token) : azure(token))).join('---\n')
}

function head({ id, job, variable, requests }: TokenPermissions, place: string): string {
  const name = variable === undefined ? '' : ` (${variable})`
  return `# job ${comment(job)}, token ${id}${name}: ${requests} request${requests === 1 ? '' : 's'} to ${place}\n`
}

function github(token: TokenPermissions): string {
  const { permissions, evidence, unknown } = token
  const grants = Object.entries(permissions)
  const own = grants.filter(([name, access]) => isForWorkflow(name, access))
  const others = grants.filter(([name, access]) => !isForWorkflow(name, access))
  const lines = own.map(
    ([name, access]) =>
      `${listed(evidence.get(name) ?? [], mostEvidence)
        .map(deed => `  # ${deed}\n`)
        .join('')}  ${name}: ${access}\n`,
  )
  const isFree = own.length === 0
  return [
    head(token, 'GitHub'),
    isFree ? 'permissions: {}\n' : `permissions:\n${lines.join('')}`,
    section(
      'no workflow can give these; an app or a personal token has them:',
      others.map(([name, access]) => `${name}: ${access}, for ${listed(evidence.get(name) ?? [], 1).join('')}`),
    ),
    section('not known what these need; nothing was added for them:', unknown),
    rest(token),
  ].join('')
}

/** A pipeline has no such block: scopes of a personal token, rights of the build service. */
function azure(token: TokenPermissions): string {
  const { permissions, evidence, unknown } = token
  const grants = Object.entries(permissions).map(
    ([name, access]) => `${name}: ${access}, for ${listed(evidence.get(name) ?? [], 2).join('; ')}`,
  )
  return [
    head(token, 'Azure DevOps'),
    section(grants.length === 0 ? 'it needs no scope' : 'it needs these scopes:', grants),
    grants.length === 0 ? '# it needs no scope\n' : '',
    section('not known what these need:', unknown),
    rest(token),
  ].join('')
}

function rest({ free, refused }: TokenPermissions): string {
  return [
    section('read without need, as the same was read without a token:', free),
    section('refused by the server, so nothing was added for them:', refused),
  ].join('')
}

function section(title: string, entries: readonly string[]): string {
  if (entries.length === 0) return ''
  return `# ${title}\n${listed(entries, mostListed)
    .map(entry => `#   ${comment(entry)}\n`)
    .join('')}`
}

function listed(entries: readonly string[], most: number): readonly string[] {
  const shown = entries.slice(0, most)
  return entries.length > most ? [...shown, `and ${entries.length - most} more`] : shown
}

/** Nothing of a log may end a comment. */
function comment(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?')
}

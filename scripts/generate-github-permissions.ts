import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import process from 'node:process'
import { z } from 'zod'

// Writes gateway/permissions/github-routes.txt: which permission each REST operation of GitHub needs, merged from
// - scripts/github-operations.txt: which operations there are, which take a workflow's token, and what their text says
// - @octokit/app-permissions: GitHub's published table of the permissions of operations, as a page
// - scripts/github-permission-rows.txt: rows of the same table, newer than that page
// Run after one of them is updated: node scripts/generate-github-permissions.ts [FILE]

const require = createRequire(import.meta.url)
const read = (file: string): string => readFileSync(require.resolve(file), 'utf8')

const versionOf = (name: string): string =>
  z.object({ version: z.string() }).parse(JSON.parse(read(`${name}/package.json`))).version

/** One row of the published table. */
interface Row {
  readonly permission: string
  readonly access: string
}

const rows = new Map<string, Row[]>()
const routeKey = (method: string, path: string): string => `${method} ${path.replace(/\{[^}]*\}/g, '{}')}`

function addRow(method: string, path: string, row: Row): void {
  const key = routeKey(method, path)
  rows.set(key, [...(rows.get(key) ?? []), row])
}

/** As a workflow names them, where it does; the others as the page's headings do. */
const workflowNames: Readonly<Record<string, string>> = {
  'code-scanning-alerts': 'security-events',
  'commit-statuses': 'statuses',
  'dependabot-alerts': 'vulnerability-alerts',
  projects: 'repository-projects',
}

function permissionName(heading: string): string | undefined {
  const [, holder, name = ''] = /^(repository|organization|user)-permissions-for-(.+)$/.exec(heading) ?? []
  if (holder === undefined) return undefined
  if (holder === 'repository') return workflowNames[name] ?? name
  return `${holder}-${name.replace(/^(?:organization|user)-/, '')}`
}

for (const section of read('@octokit/app-permissions/cache/api.github.com.html').split(/<h2\s/).slice(1)) {
  const permission = permissionName(/id="([^"]+)"/.exec(section)?.[1] ?? '')
  if (permission === undefined) continue
  for (const row of section.split('<tr>').slice(1)) {
    const [, method, path] = /<span>([A-Z]+)<\/span>\s*(?:<!-- -->)?\s*([^<\s]+)/.exec(row) ?? []
    const access = /text-center">\s*(read|write|admin)\s*</.exec(row)?.[1]
    if (method !== undefined && path !== undefined && access !== undefined) addRow(method, path, { permission, access })
  }
}

const newer = readFileSync(new URL('github-permission-rows.txt', import.meta.url), 'utf8')
const replaced = new Set<string>()
for (const line of newer.split('\n').filter(text => text !== '' && !text.startsWith('#'))) {
  const [permission, access, method, path] = line.split(' ')
  if (permission === undefined || access === undefined || method === undefined || path === undefined)
    throw new Error(`github-permission-rows.txt: not a row: ${line}`)
  const key = routeKey(method, path)
  if (!replaced.has(key)) rows.delete(key)
  replaced.add(key)
  addRow(method, path, { permission, access })
}

// The package's own list has more of what every token can read: the page leaves out what needs no repository.
const { permissions } = z
  .object({ permissions: z.object({ metadata: z.object({ read: z.array(z.string()) }) }) })
  .parse(JSON.parse(read('@octokit/app-permissions/generated/api.github.com.json')))
for (const route of permissions.metadata.read) {
  const [method = '', path = ''] = route.split(' ')
  if (!rows.has(routeKey(method, path))) addRow(method, path, { permission: 'metadata', access: 'read' })
}

/**
 * The table marks operations with several rows but does not say whether any or all are meant. These are any of them, by
 * the operations' own pages ("at least one of the following permission sets"); all others stay unknown.
 */
const anyOf = new Set(['issues pull-requests'])
/** By the pages again, the second is only for what is below .github/workflows, and no workflow's token can have it. */
const firstSuffices = new Set(['contents workflows'])

/**
 * GitHub names contents beside it, for the diff of a pull request; but a token with contents alone is refused, and one with
 * this is not.
 */
const pullRequest = { key: 'GET /repos/{}/{}/pulls/{}', need: 'pull-requests:read' }

function needText(found: readonly Row[], said: string): string {
  if (found.length === 0) return said === '-' ? '?' : said
  // Every workflow's token can read metadata.
  const needed = found
    .filter(({ permission }) => permission !== 'metadata')
    .toSorted((a, b) => (a.permission < b.permission ? -1 : 1))
  const texts = needed.map(({ permission, access }) => `${permission}:${access}`)
  const names = needed.map(({ permission }) => permission).join(' ')
  if (texts.length <= 1) return texts[0] ?? '-'
  if (firstSuffices.has(names)) return texts[0] ?? '?'
  return anyOf.has(names) ? texts.join('|') : '?'
}

const operations = readFileSync(new URL('github-operations.txt', import.meta.url), 'utf8').split('\n')
const [, openapi] = /@octokit\/openapi (\S+)/.exec(operations.join('\n')) ?? []
const lines = operations
  .filter(line => line !== '' && !line.startsWith('#'))
  .map(line => {
    const [method = '', template = '', said = '', whose = ''] = line.split(' ')
    const key = routeKey(method, template)
    const need = key === pullRequest.key ? pullRequest.need : needText(rows.get(key) ?? [], said)
    return `${method} ${template} ${need}${whose === 'app' ? '' : ' user'}`
  })

const head = `# What each REST operation of GitHub needs. Made by scripts/generate-github-permissions.ts; do not edit.
# Sources: @octokit/openapi ${openapi} (MIT); @octokit/app-permissions ${versionOf('@octokit/app-permissions')} (MIT), the page
# "Permissions required for GitHub Apps" of docs.github.com (CC BY 4.0); scripts/github-permission-rows.txt.
# METHOD PATH NEED: PERMISSION:ACCESS; A|B one of them; - nothing, or metadata, which every token can read; ? not said by
# any source, or not clearly. {name+} is one segment or more. \`user\`: not for tokens of workflows and apps.
`
const [, , file = new URL('../gateway/permissions/github-routes.txt', import.meta.url)] = process.argv
writeFileSync(file, `${head}${lines.toSorted().join('\n')}\n`)

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { readGithubRoutes } from '../../../gateway/permissions/github-routes.ts'

const require = createRequire(import.meta.url)
const routes = readGithubRoutes()

interface Operation {
  readonly method: string
  readonly template: string
  /** A workflow's token is one of an app's installation. */
  readonly isForWorkflows: boolean
}

const operations = readFileSync(new URL('../../../scripts/github-operations.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter(line => line !== '' && !line.startsWith('#'))
  .map((line): Operation => {
    const [method = '', path = '', , whose] = line.split(' ')
    return { method, template: path.replaceAll('+}', '}'), isForWorkflows: whose === 'app' }
  })

/** A path of the template, with values that are nothing else. */
const pathOf = (template: string): string => template.replace(/\{([^}]+)\}/g, (_, name: string) => `v-${name}`)

await t.test('GithubRoutes: a path of each operation is found as that operation', async t => {
  t.ok(operations.length > 1_000, `${operations.length} operations`)
  const wrong = operations.filter(
    ({ method, template }) => routes.find(method, pathOf(template))?.text !== `${method} ${template}`,
  )
  t.same(wrong, [])
})

await t.test('GithubRoutes: every operation a workflow can call is mapped, or honestly unknown', async t => {
  const callable = operations.filter(({ isForWorkflows }) => isForWorkflows)
  const found = callable.flatMap(({ method, template }) => routes.find(method, pathOf(template)) ?? [])
  t.ok(found.length / callable.length >= 0.95, `${found.length} of ${callable.length}`)
  const ofRepositories = found.filter(({ text }) => text.includes(' /repos/'))
  const mapped = ofRepositories.filter(({ need }) => 'anyOf' in need)
  t.ok(
    mapped.length / ofRepositories.length > 0.85,
    `mapped: ${mapped.length} of ${ofRepositories.length} of repositories`,
  )
})

await t.test('docs/permissions.md: its figures are those of the table', async t => {
  const callable = operations.filter(({ isForWorkflows }) => isForWorkflows)
  const isMapped = ({ method, template }: Operation): boolean => {
    const need = routes.find(method, pathOf(template))?.need
    return need !== undefined && 'anyOf' in need
  }
  const ofRepositories = callable.filter(({ template }) => template.startsWith('/repos/'))
  const mapped = callable.filter(isMapped).length
  const page = readFileSync(new URL('../../../docs/permissions.md', import.meta.url), 'utf8').replace(/\s+/g, ' ')
  t.match(page, `Of the ${callable.length} operations`)
  t.match(
    page,
    `${mapped} are mapped and ${callable.length - mapped} are unknown; of the ${ofRepositories.length} below`,
  )
  t.match(page, `for, ${ofRepositories.filter(isMapped).length} are mapped`)
})

/** The rows of GitHub's page, read in another way than the generator does. */
interface Row {
  readonly heading: string
  readonly operation: string
  readonly access: string
}
const page = readFileSync(require.resolve('@octokit/app-permissions/cache/api.github.com.html'), 'utf8')
const rows: Row[] = []
let heading = ''
for (const [, id, cell] of page.matchAll(/<h2\s[^>]*?id="([^"]*)"|<tr>([^]*?)<\/tr>/g)) {
  if (id !== undefined) heading = id
  const words = (cell ?? '')
    .replace(/<!--[^]*?-->|<[^>]*>/g, ' ')
    .trim()
    .split(/\s+/)
  const [method = '', path = '', access = ''] = words
  if (/^(?:GET|PUT|POST|PATCH|DELETE)$/.test(method))
    rows.push({ heading, operation: `${method} ${path.replace(/\{[^}]*\}/g, '{}')}`, access })
}

const newer = readFileSync(new URL('../../../scripts/github-permission-rows.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter(line => line !== '' && !line.startsWith('#'))
  .map(line => line.split(' '))
const anonymousTemplate = (method: string, path: string): string => `${method} ${path.replace(/\{[^}]*\}/g, '{}')}`
const newerOperations = new Set(newer.map(([, , method = '', path = '']) => anonymousTemplate(method, path)))

/** The headings of what a workflow can give, as a workflow writes them. */
const names: Readonly<Record<string, string>> = {
  actions: 'actions',
  checks: 'checks',
  'code-scanning-alerts': 'security-events',
  'commit-statuses': 'statuses',
  contents: 'contents',
  'dependabot-alerts': 'vulnerability-alerts',
  deployments: 'deployments',
  issues: 'issues',
  pages: 'pages',
  projects: 'repository-projects',
  'pull-requests': 'pull-requests',
}

await t.test('GithubRoutes: nothing is mapped otherwise than the published table says', async t => {
  t.ok(rows.length > 700, `${rows.length} rows`)
  const byOperation = Map.groupBy(rows, ({ operation }) => operation)
  let compared = 0
  for (const { method, template } of operations) {
    const operation = anonymousTemplate(method, template)
    const own = byOperation.get(operation)
    if (own === undefined || newerOperations.has(operation)) continue
    const need = routes.find(method, pathOf(template))?.need
    if (need === undefined || 'unknown' in need) continue
    const said = new Set(
      own.map(row => {
        const name = row.heading.replace('repository-permissions-for-', '')
        return `${names[name] ?? name}:${row.access}`
      }),
    )
    for (const set of need.anyOf) {
      const grants = Object.entries(set).map(([name, access]) => `${name}:${access}`)
      const isSaid =
        grants.length === 0
          ? own.every(row => row.heading.endsWith('-metadata'))
          : grants.every(grant => said.has(grant) || [...said].some(one => heads(one, grant)))
      if (!isSaid) t.fail(`${operation} is mapped to ${grants.join()}; the table says ${[...said].join()}`)
      compared += 1
    }
    // Where the table has one row, that is all there is to it.
    if (own.length === 1) t.equal(need.anyOf.length, 1, operation)
  }
  t.ok(compared > 450, `${compared} compared`)
})

/** Permissions of organisations and users are named with whose they are. */
function heads(said: string, grant: string): boolean {
  return said.replace(/^(organization|user)-permissions-for-(?:organization-|user-)?/, '$1-') === grant
}

await t.test('GithubRoutes: the newer rows are there', async t => {
  t.ok(newer.length > 50)
  for (const [permission = '', access = '', method = '', path = ''] of newer) {
    const need = routes.find(method, pathOf(path))?.need
    t.ok(need !== undefined && 'anyOf' in need, `${method} ${path}`)
    if (need !== undefined && 'anyOf' in need && permission !== 'metadata')
      t.ok(
        need.anyOf.some(set => set[permission] === access),
        `${method} ${path}: ${permission}`,
      )
  }
})

await t.test('GithubRoutes: refs and paths may have slashes, and do not swallow what follows', async t => {
  const text = (method: string, path: string): string | undefined => routes.find(method, path)?.text
  t.equal(text('GET', '/repos/a/b/contents/src/deep/file.ts'), 'GET /repos/{owner}/{repo}/contents/{path}')
  t.equal(text('GET', '/repos/a/b/commits/feature/x/status'), 'GET /repos/{owner}/{repo}/commits/{ref}/status')
  t.equal(text('GET', '/repos/a/b/commits/feature/x'), 'GET /repos/{owner}/{repo}/commits/{ref}')
  t.equal(text('PATCH', '/repos/a/b/git/refs/heads/main'), 'PATCH /repos/{owner}/{repo}/git/refs/{ref}')
  t.equal(text('HEAD', '/repos/a/b'), 'GET /repos/{owner}/{repo}')
  t.equal(text('GET', '/repos/a'), undefined)
  t.equal(text('GET', '/repos/a//issues'), undefined, 'an empty segment is no name')
  t.equal(text('GET', `/repos/a/b/contents/${'x/'.repeat(100)}`), undefined, 'what no operation is as deep as')
  t.equal(text('BREW', '/repos/a/b'), undefined)
})

await t.test('github-routes.txt is what its script makes of the sources as they are installed', async t => {
  const file = `${t.testdir({})}/made.txt`
  execFileSync(process.execPath, [
    fileURLToPath(new URL('../../../scripts/generate-github-permissions.ts', import.meta.url)),
    file,
  ])
  const committed = new URL('../../../gateway/permissions/github-routes.txt', import.meta.url)
  t.ok(readFileSync(file).equals(readFileSync(committed)), 'run node scripts/generate-github-permissions.ts')
})

import t from 'tap'
import { azureNeed } from '../../../gateway/permissions/azure-needs.ts'
import { githubNeed } from '../../../gateway/permissions/github-needs.ts'
import { readGithubRoutes } from '../../../gateway/permissions/github-routes.ts'
import type { LoggedRequest, Need } from '../../../gateway/permissions/need.ts'
import { gitService } from '../../../gateway/permissions/request-reading.ts'

const routes = readGithubRoutes()

/** A request as its line in the log tells it. */
function logged(text: string, facts: Partial<LoggedRequest> = {}): LoggedRequest {
  const [method = '', url = ''] = text.split(' ')
  const [, host = '', target = '/'] = /^https:\/\/([^/]+)(\/.*)?$/.exec(url) ?? []
  const [path = ''] = target.split('?')
  return { host, method, path, status: 200, git: gitService(target), graphql: undefined, accepted: undefined, ...facts }
}

/** `contents:write`; alternatives with `|`, sets with `+`; `-` for nothing, `?` with what is unknown. */
function said(need: Need): string {
  if ('unknown' in need) return `? ${need.unknown}`
  return need.anyOf
    .map(
      set =>
        Object.entries(set)
          .map(([name, access]) => `${name}:${access}`)
          .join('+') || '-',
    )
    .join('|')
}

const github: readonly [string, string, Partial<LoggedRequest>?][] = [
  // git
  ['GET https://github.com/acme/app.git/info/refs?service=git-upload-pack', 'contents:read'],
  ['POST https://github.com/acme/app.git/git-upload-pack', 'contents:read'],
  ['GET https://github.com/acme/app/info/refs?service=git-receive-pack', 'contents:write'],
  ['POST https://github.com/acme/app/git-receive-pack', 'contents:write'],
  ['GET https://github.com/acme/app.git/info/refs', 'contents:read'],
  ['POST https://github.com/acme/app.git/info/lfs/objects/batch', 'contents:read', { git: 'lfs-download' }],
  ['POST https://github.com/acme/app.git/info/lfs/objects/batch', 'contents:write', { git: 'lfs-upload' }],
  ['POST https://github.com/acme/app.git/info/lfs/objects/batch', '? POST …/info/lfs/objects/batch'],
  ['GET https://github.com/acme/app.git/info/lfs/locks', 'contents:read'],
  ['POST https://github.com/acme/app.git/info/lfs/locks/verify', 'contents:write'],
  ['GET https://raw.githubusercontent.com/acme/app/main/a.txt', 'contents:read'],
  ['GET https://codeload.github.com/acme/app/tar.gz/main', 'contents:read'],
  ['GET https://github.com/acme/app/settings', '? GET /acme/app/settings'],
  // REST
  ['GET https://api.github.com/repos/acme/app/actions/runs', 'actions:read'],
  ['POST https://api.github.com/repos/acme/app/statuses/abc', 'statuses:write'],
  ['POST https://api.github.com/repos/acme/app/issues/1/comments', 'issues:write|pull-requests:write'],
  ['POST https://api.github.com/repos/acme/app/git/refs', 'contents:write'],
  ['GET https://api.github.com/repos/acme/app', '-'],
  ['GET https://api.github.com/rate_limit', '-'],
  ['POST https://api.github.com/repos/acme/app/code-scanning/sarifs', 'security-events:write'],
  ['GET https://api.github.com/repos/acme/app/dependabot/alerts', 'vulnerability-alerts:read'],
  ['PUT https://api.github.com/repos/acme/app/actions/secrets/A', 'secrets:write'],
  ['POST https://api.github.com/repos/acme/app/pages', '? POST /repos/{owner}/{repo}/pages'],
  ['GET https://api.github.com/repos/acme/app/odd/17', '? GET /repos/{owner}/{repo}/odd/{id}'],
  ['POST https://uploads.github.com/repos/acme/app/releases/1/assets', 'contents:write'],
  ['GET https://github.acme.example/api/v3/repos/acme/app/actions/runs', 'actions:read'],
  ['POST https://github.acme.example/api/uploads/repos/acme/app/releases/1/assets', 'contents:write'],
  ['GET https://api.acme.ghe.com/repos/acme/app/actions/runs', 'actions:read'],
  ['GET https://github.acme.example/api/v3', '-'],
  // What GitHub itself says goes before any table.
  [
    'GET https://api.github.com/repos/a/b/odd',
    'pull-requests:read|contents:read',
    { accepted: 'pull_requests=read; contents=read' },
  ],
  [
    'GET https://api.github.com/repos/a/b/pulls/1',
    'pull-requests:read',
    { accepted: 'pull_requests=read; contents=read' },
  ],
  [
    'POST https://api.github.com/repos/a/b/git/refs',
    'contents:write',
    { accepted: 'contents=write; contents=write,workflows=write' },
  ],
  ['GET https://api.github.com/repos/a/b/actions/runs', 'checks:read', { accepted: 'checks=read' }],
  ['GET https://api.github.com/repos/a/b/x', 'contents:write+pages:write', { accepted: 'contents=write,pages=write' }],
  ['GET https://api.github.com/repos/a/b', '-', { accepted: 'metadata=read' }],
  ['GET https://api.github.com/repos/a/b/actions/runs', 'actions:read', { accepted: 'nonsense' }],
  // GraphQL
  ['POST https://api.github.com/graphql', '? POST /graphql mutation addStar', { graphql: 'mutation addStar' }],
  ['POST https://api.github.com/graphql', '-', { graphql: 'query rateLimit __typename' }],
  ['POST https://api.github.com/graphql', 'issues:write', { graphql: 'mutation createIssue' }],
  [
    'POST https://api.github.com/graphql',
    'issues:write+pull-requests:write',
    { graphql: 'mutation closeIssue addPullRequestReview pinIssue unpinIssue' },
  ],
  [
    'POST https://api.github.com/graphql',
    '? POST /graphql mutation closeIssue addComment',
    { graphql: 'mutation closeIssue addComment' },
  ],
  ['POST https://api.github.com/graphql', '? POST /graphql mutation', { graphql: 'mutation' }],
  ['POST https://api.github.com/graphql', '? POST /graphql query createIssue', { graphql: 'query createIssue' }],
  [
    'POST https://api.github.com/graphql',
    '? POST /graphql query rateLimit repository',
    { graphql: 'query rateLimit repository' },
  ],
  ['POST https://github.acme.example/api/graphql', '? POST /graphql unread'],
  // Packages
  ['GET https://npm.pkg.github.com/@acme%2fapp', 'packages:read'],
  ['PUT https://npm.pkg.github.com/@acme%2fapp', 'packages:write'],
  ['GET https://npm.pkg.github.com/-/whoami', '-'],
  ['POST https://npm.pkg.github.com/-/npm/v1/security/advisories/bulk', '? POST /-/npm/v1/security/advisories/bulk'],
  ['PUT https://npm.pkg.github.com/-/package/@acme%2fapp/dist-tags/latest', 'packages:write'],
  ['GET https://maven.pkg.github.com/acme/app/com/acme/app/1/app-1.pom', 'packages:read'],
  ['PUT https://maven.pkg.github.com/acme/app/com/acme/app/1/app-1.jar', 'packages:write'],
  ['GET https://nuget.pkg.github.com/acme/index.json', 'packages:read'],
  ['PUT https://nuget.pkg.github.com/acme/', 'packages:write'],
  ['POST https://rubygems.pkg.github.com/acme/api/v1/gems', 'packages:write'],
  ['GET https://rubygems.pkg.github.com/acme/gems/a-1.gem', 'packages:read'],
  ['GET https://ghcr.io/token?service=ghcr.io', '-'],
  ['GET https://ghcr.io/v2/', '-'],
  ['GET https://ghcr.io/v2/acme/app/manifests/1', 'packages:read'],
  ['HEAD https://ghcr.io/v2/acme/app/blobs/sha256:0', 'packages:read'],
  ['POST https://ghcr.io/v2/acme/app/blobs/uploads/', 'packages:write'],
  ['PATCH https://ghcr.io/v2/acme/app/blobs/uploads/1', 'packages:write'],
  ['PUT https://docker.pkg.github.com/v2/acme/app/manifests/1', 'packages:write'],
  ['DELETE https://ghcr.io/v2/acme/app/manifests/sha256:0', 'packages:write'],
  // The runner's services, and what they hand out
  [
    'GET https://pipelines.actions.githubusercontent.com/x/_apis/distributedtask/hubs/Actions/plans/1/jobs/2/idtoken',
    'id-token:write',
  ],
  [
    'POST https://results-receiver.actions.githubusercontent.com/twirp/github.actions.results.api.v1.ArtifactService/CreateArtifact',
    '-',
  ],
  ['POST https://models.github.ai/inference/chat/completions', 'models:read'],
]
for (const [request, need, facts] of github)
  await t.test(`githubNeed(): ${request} ${facts === undefined ? '' : JSON.stringify(facts)}`, async t =>
    t.equal(said(githubNeed(logged(request, facts), routes)), need),
  )

const organisation = 'https://dev.azure.com/acme'
const azure: readonly [string, string, Partial<LoggedRequest>?][] = [
  [`GET ${organisation}/app/_git/app/info/refs?service=git-upload-pack`, 'Code:read'],
  [`POST ${organisation}/app/_git/app/git-upload-pack`, 'Code:read'],
  [`GET ${organisation}/app/_git/app/info/refs?service=git-receive-pack`, 'Code:write'],
  [`POST ${organisation}/app/_git/app/git-receive-pack`, 'Code:write'],
  ['POST https://acme.visualstudio.com/app/_git/app/git-receive-pack', 'Code:write'],
  [`POST ${organisation}/app/_git/app/info/lfs/objects/batch`, 'Code:write', { git: 'lfs-upload' }],
  [`GET ${organisation}/app/_apis/git/repositories`, 'Code:read'],
  [`POST ${organisation}/app/_apis/git/repositories/1/pushes`, 'Code:write'],
  [`POST ${organisation}/app/_apis/git/repositories/1/commitsbatch`, 'Code:read'],
  [`POST ${organisation}/app/_apis/git/repositories/1/pullRequests/2/threads`, 'Code:write'],
  [`GET ${organisation}/app/_apis/build/builds/1/logs`, 'Build:read'],
  [`POST ${organisation}/app/_apis/build/builds`, 'Build:write'],
  [`POST ${organisation}/app/_apis/pipelines/7/runs`, 'Build:write'],
  [`GET ${organisation}/_apis/resources/Containers/1`, 'Build:read'],
  [`PUT ${organisation}/_apis/resources/Containers/1`, 'Build:write'],
  ['GET https://feeds.dev.azure.com/acme/_apis/packaging/feeds', 'Packaging:read'],
  ['GET https://pkgs.dev.azure.com/acme/app/_packaging/feed/npm/registry/left', 'Packaging:read'],
  ['PUT https://pkgs.dev.azure.com/acme/app/_packaging/feed/npm/registry/left', 'Packaging:write'],
  ['PUT https://pkgs.dev.azure.com/acme/_packaging/feed/nuget/v2/', 'Packaging:write'],
  ['POST https://pkgs.dev.azure.com/acme/_packaging/feed/pypi/upload', 'Packaging:write'],
  ['PUT https://acme.pkgs.visualstudio.com/_packaging/feed/maven/v1/a/b/1/b.jar', 'Packaging:write'],
  [`POST ${organisation}/app/_apis/wit/wiql`, 'Work Items:read'],
  [`PATCH ${organisation}/app/_apis/wit/workitems/7`, 'Work Items:write'],
  ['GET https://vsrm.dev.azure.com/acme/app/_apis/release/releases', 'Release:read'],
  [`POST ${organisation}/app/_apis/test/runs`, 'Test Management:write'],
  [`PUT ${organisation}/app/_apis/wiki/wikis/1/pages`, 'Wiki:write'],
  [`GET ${organisation}/app/_apis/distributedtask/variablegroups`, 'Variable Groups:read'],
  [`GET ${organisation}/_apis/distributedtask/pools/1/agents`, 'Agent Pools:read'],
  [`POST ${organisation}/1/_apis/distributedtask/hubs/build/plans/2/events`, '-'],
  [
    `POST ${organisation}/1/_apis/distributedtask/hubs/build/plans/2/jobs/3/oidctoken`,
    '? POST /{organization}/{project}/_apis/distributedtask/hubs/build/plans/{id}/jobs/{id}/oidctoken',
  ],
  ['GET https://vssps.dev.azure.com/acme/_apis/graph/users', 'Graph:read'],
  [`GET ${organisation}/_apis/connectionData`, '-'],
  [`OPTIONS ${organisation}/_apis`, '-'],
  [`GET ${organisation}/app/_apis/constructor/x`, '? GET /{organization}/{project}/_apis/constructor/x'],
  [`GET ${organisation}/app`, '? GET dev.azure.com'],
]
for (const [request, need, facts] of azure)
  await t.test(`azureNeed(): ${request} ${facts === undefined ? '' : JSON.stringify(facts)}`, async t =>
    t.equal(said(azureNeed(logged(request, facts))), need),
  )

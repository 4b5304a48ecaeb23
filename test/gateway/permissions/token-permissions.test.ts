import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { readGithubRoutes } from '../../../gateway/permissions/github-routes.ts'
import { renderPermissionsJson, renderPermissionsYaml } from '../../../gateway/permissions/render-permissions.ts'
import { type TokenPermissions, tokenPermissions } from '../../../gateway/permissions/token-permissions.ts'
import { UsesCollector } from '../../../gateway/permissions/token-uses.ts'
import type { LogLine } from '../../../gateway/record/line-schema.ts'
import { parseLine } from '../../../gateway/record/log-line.ts'

const routes = readGithubRoutes()
const token = '0123456789abcdef'

/** A line of a log: `METHOD URL STATUS`, with a token unless said otherwise. */
function line(text: string, facts: Readonly<Record<string, unknown>> = { token }): LogLine {
  const [method = '', url = '', status = '200'] = text.split(' ')
  const [, host = '', path = '/'] = /^https:\/\/([^/]+)(\/.*)?$/.exec(url) ?? []
  const event = {
    v: 1,
    seq: 1,
    time: '2026-01-01T00:00:00.000Z',
    job: 'unit',
    layer: 'http',
    host,
    port: 443,
    protocol: 'h2',
    method,
    path,
    status: Number(status),
    verdict: 'allow',
    reason: 'rule',
    prev: '0'.repeat(64),
    ...facts,
  }
  return parseLine(Buffer.from(JSON.stringify(event)), 1)
}

function permissionsOf(...lines: readonly LogLine[]): readonly TokenPermissions[] {
  const collector = new UsesCollector(routes)
  for (const one of lines) collector.add(one)
  return tokenPermissions(collector)
}

const api = 'https://api.github.com/repos/acme/app'

await t.test('tokenPermissions(): the least for all that was done', async t => {
  const [own] = permissionsOf(
    line(`GET ${api}/pulls`),
    line(`POST ${api}/issues/1/comments 201`),
    line(`POST ${api}/issues/2/comments 201`),
    line(`GET ${api}`),
    line(`GET ${api}/odd`),
  )
  t.match(own, { id: token, home: 'github', job: 'unit', requests: 5, unknown: ['GET /repos/{owner}/{repo}/odd'] })
  t.same(
    own?.permissions,
    { 'pull-requests': 'write' },
    'of the two that a comment can do with, the one that is needed anyway',
  )
  t.same(own?.evidence.get('pull-requests'), [
    'GET /repos/{owner}/{repo}/pulls',
    'POST /repos/{owner}/{repo}/issues/{issue_number}/comments (by issues: write or pull-requests: write), 2 times',
  ])
})

await t.test('tokenPermissions(): what failed adds nothing', async t => {
  for (const status of [401, 403, 404]) {
    const [own] = permissionsOf(line(`DELETE ${api}/actions/runs/1 ${status}`))
    t.same(own?.permissions, {}, String(status))
    t.same(own?.refused, ['DELETE /repos/{owner}/{repo}/actions/runs/{run_id}'])
  }
  for (const status of [203, 302])
    t.same(
      permissionsOf(line(`POST https://dev.azure.com/a/b/_apis/build/builds ${status}`))[0]?.permissions,
      {},
      `sign-in: ${status}`,
    )
  for (const status of [429, 500, 503])
    t.same(permissionsOf(line(`DELETE ${api}/actions/runs/1 ${status}`)), [], String(status))
  t.same(
    permissionsOf(line(`DELETE ${api}/actions/runs/1 403`, { token, verdict: 'deny', reason: 'path' })),
    [],
    'refused here',
  )
  t.same(permissionsOf(line(`DELETE ${api}/actions/runs/1`, { token, status: undefined })), [], 'never answered')
  for (const status of [200, 204, 302, 304, 409, 422]) {
    const [own] = permissionsOf(line(`DELETE ${api}/actions/runs/1 ${status}`))
    t.same(own?.permissions, { actions: 'write' }, `${status}: it was let in`)
  }
})

await t.test('tokenPermissions(): reading what is public needs nothing, when the log shows it', async t => {
  const read = line(`GET ${api}/contents/a.txt`)
  t.same(permissionsOf(read)[0]?.permissions, { contents: 'read' }, 'not known to be public')
  const clone = line('POST https://github.com/Acme/App.git/git-upload-pack', {})
  t.same(permissionsOf(read, clone)[0]?.permissions, {}, 'cloned without a token, whenever that was')
  t.match(permissionsOf(read, clone)[0]?.free, ['GET /repos/{owner}/{repo}/contents/{path}'])
  const failed = line('GET https://github.com/acme/app.git/info/refs 401', {})
  t.same(permissionsOf(read, failed)[0]?.permissions, { contents: 'read' }, 'asked for a login')
  const other = line('POST https://github.com/acme/other.git/git-upload-pack', {})
  t.same(permissionsOf(read, other)[0]?.permissions, { contents: 'read' }, 'another repository')
  t.same(permissionsOf(line(`PUT ${api}/contents/a.txt`), clone)[0]?.permissions, { contents: 'write' }, 'writing does')
  t.same(
    permissionsOf(line(`GET ${api}/actions/caches`), clone)[0]?.permissions,
    { actions: 'read' },
    'not all of it is public',
  )
  const runs = line(`GET ${api}/actions/runs`, {})
  t.same(permissionsOf(line(`GET ${api}/actions/runs`), runs)[0]?.permissions, {}, 'the same, without a token')
})

await t.test('tokenPermissions(): tokens and homes are told apart', async t => {
  const two = permissionsOf(
    line(`GET ${api}/actions/runs`),
    line(`GET ${api}/pages`, { token: 'fedcba9876543210' }),
    line('GET https://dev.azure.com/a/b/_apis/build/builds'),
    line('POST https://git.acme.test/a/b.git/git-receive-pack', {
      token,
      details: { git: 'receive-pack', home: 'github', credential: 'GH_TOKEN' },
    }),
    line('GET https://npm.acme.test/left'),
  )
  t.same(
    two.map(({ id, home, permissions, variable }) => [id, home, permissions, variable]),
    [
      [token, 'github', { actions: 'read', contents: 'write' }, 'GH_TOKEN'],
      ['fedcba9876543210', 'github', { pages: 'read' }, undefined],
      [token, 'azure', { Build: 'read' }, undefined],
    ],
  )
})

await t.test('renderPermissionsYaml(): each document is what can be pasted, whatever is in the log', async t => {
  const tokens = permissionsOf(
    line(`GET ${api}/actions/runs`),
    line(`PUT ${api}/actions/secrets/A 204`),
    line(`GET https://api.github.com/x%0Ay/\u001b[31m`),
    line('GET https://dev.azure.com/a/b/_apis/build/builds'),
    line('GET https://api.github.com/zen', { token: 'fedcba9876543210', job: 'a: b\n# c' }),
  )
  const text = renderPermissionsYaml(tokens)
  t.notMatch(text, /[^\x20-\x7e\n]/)
  const documents = parseAllDocuments(text)
  if (!Array.isArray(documents)) throw new Error('no documents')
  t.same(
    documents.map(document => document.errors),
    [[], [], []],
  )
  t.same(
    documents.map(document => document.toJS()),
    [{ permissions: { actions: 'read' } }, null, { permissions: {} }],
  )
  t.match(text, '#   secrets: write, for PUT /repos/{owner}/{repo}/actions/secrets/{secret_name}')
  t.match(text, '#   Build: read, for GET /{organization}/{project}/_apis/build/builds')
  t.same(parse(renderPermissionsYaml([])), null)
})

await t.test('renderPermissionsJson(): the shape of the contract, and no more', async t => {
  const json: unknown = JSON.parse(
    renderPermissionsJson(permissionsOf(line(`GET ${api}/actions/runs`), line(`GET ${api}/odd`))),
  )
  t.same(json, {
    tokens: [
      {
        id: token,
        home: 'github',
        permissions: { actions: 'read' },
        unknown: ['GET /repos/{owner}/{repo}/odd'],
        requests: 2,
      },
    ],
  })
})

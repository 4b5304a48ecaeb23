import t from 'tap'
import { homeOf, ownHosts } from '../../../gateway/permissions/homes.ts'

const none = new Map()
const cases: readonly [string, 'github' | 'azure' | undefined][] = [
  ['github.com', 'github'],
  ['api.github.com', 'github'],
  ['uploads.github.com', 'github'],
  ['npm.pkg.github.com', 'github'],
  ['ghcr.io', 'github'],
  ['raw.githubusercontent.com', 'github'],
  ['pipelines.actions.githubusercontent.com', 'github'],
  ['api.acme.ghe.com', 'github'],
  ['models.github.ai', 'github'],
  ['dev.azure.com', 'azure'],
  ['pkgs.dev.azure.com', 'azure'],
  ['acme.visualstudio.com', 'azure'],
  ['acme.pkgs.visualstudio.com', 'azure'],
  // What others can have, or only looks like it.
  ['acme.github.io', undefined],
  ['github.com.evil.test', undefined],
  ['notgithub.com', undefined],
  ['azure.com', undefined],
  ['acme.blob.core.windows.net', undefined],
  ['example.com', undefined],
]
for (const [host, home] of cases)
  await t.test(`homeOf(): ${host} is ${home ?? 'no home'}`, async t => t.equal(homeOf(host, none), home))

await t.test('ownHosts(): an Enterprise host and its registries, by the environment', async t => {
  const own = ownHosts({
    GITHUB_SERVER_URL: 'https://github.acme.example',
    GH_HOST: 'ghe.acme.example',
    SYSTEM_COLLECTIONURI: 'https://tfs.acme.example:8080/tfs/Default/',
    GITHUB_API_URL: 'https://api.github.com',
    GITHUB_GRAPHQL_URL: 'not a url',
  })
  t.equal(homeOf('github.acme.example', own), 'github')
  t.equal(homeOf('containers.github.acme.example', own), 'github')
  t.equal(homeOf('ghe.acme.example', own), 'github')
  t.equal(homeOf('tfs.acme.example', own), 'azure')
  t.equal(homeOf('acme.example', own), undefined)
  t.equal(own.size, 3, 'what is known anyway is not repeated')
})

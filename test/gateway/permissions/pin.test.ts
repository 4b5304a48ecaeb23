import t from 'tap'
import type { RequestLook } from '../../../gateway/insight/insight.ts'
import { azure, bearer, exchange, own, rig, theirs } from './open-rig.ts'
import { seen } from './seen.ts'

await t.test('openPermissions(): pin refuses at home what the job was not started with', async t => {
  const { look, alarms } = await rig('{ pin: true }', {
    GITHUB_TOKEN: own,
    SYSTEM_ACCESSTOKEN: azure,
    GIT_CONFIG_VALUE_0: `AUTHORIZATION: basic ${Buffer.from('pat:configured-pat').toString('base64')}`,
    PATH: '/usr/bin',
    NPM_TOKEN: 'npm-token-of-the-job',
  })
  const pinned = { reason: 'denied-by-rule', rule: 'tokens.pin' }
  for (const secret of [own, azure, 'configured-pat', 'npm-token-of-the-job'])
    t.equal(look(seen('GET https://api.github.com/user', bearer(secret)))?.objection, undefined, secret)
  t.same(look(seen('GET https://api.github.com/user', bearer(theirs)))?.objection, pinned)
  t.same(look(seen('GET https://dev.azure.com/x/_apis/projects', bearer('other-token')))?.objection, pinned)
  t.equal(
    look(seen('GET https://npm.acme.test/left', bearer('other-token')))?.objection,
    undefined,
    'only where tokens are at home',
  )
  t.equal(look(seen('GET https://api.github.com/user', bearer(theirs)))?.objection?.rule, 'tokens.pin')
  t.same(
    alarms.map(({ kind, host }) => [kind, host]),
    [
      ['token-abroad', 'api.github.com'],
      ['token-unpinned', 'api.github.com'],
      ['token-unpinned', 'dev.azure.com'],
    ],
    "each is told once; Azure's own token at GitHub is a finding too",
  )
})

await t.test('openPermissions(): what the job claims as its own is pinned from then on', async t => {
  const { look, part } = await rig('{ pin: true }')
  const asked = (secret: string) => look(seen('GET https://api.github.com/user', bearer(secret)))
  t.equal(asked(own)?.objection?.rule, 'tokens.pin', 'nothing is known yet')
  part.claimed?.({ GITHUB_TOKEN: own })
  t.equal(asked(own)?.objection, undefined)
  t.equal(asked(theirs)?.objection?.rule, 'tokens.pin')
})

await t.test('openPermissions(): what a registry hands out stands for what it was given', async t => {
  const { look } = await rig('{ pin: true }', { GITHUB_TOKEN: own })
  const asked = look(seen('GET https://ghcr.io/token?scope=x', bearer(own)))
  const { token } = exchange(asked, { received: '{"token":"handed-out-one"}' })
  const used = look(seen('PUT https://ghcr.io/v2/a/b/manifests/1', bearer('handed-out-one')))
  t.equal(used?.objection, undefined)
  t.equal(used?.note?.token, token)
  const form = 'grant_type=password&username=x&password='
  exchange(look(seen('POST https://ghcr.io/token')), {
    sent: `${form}${own}`,
    received: '{"access_token":"for-a-form"}',
  })
  t.equal(look(seen('PUT https://ghcr.io/v2/a/b/manifests/1', bearer('for-a-form')))?.note?.token, token)
  exchange(look(seen('POST https://ghcr.io/token')), { sent: `${form}${theirs}`, received: '{"token":"for-a-thief"}' })
  t.ok(
    look(seen('PUT https://ghcr.io/v2/a/b/manifests/1', bearer('for-a-thief')))?.objection,
    'not one that was bought with another',
  )
  for (const sent of [`{"password":"${theirs}"}`, `${'a=b&'.repeat(80_000)}password=${theirs}`, 'scope=x']) {
    exchange(look(seen('POST https://ghcr.io/token')), { sent, received: '{"token":"for-who-knows"}' })
    t.ok(look(seen('PUT https://ghcr.io/v2/a/b/manifests/1', bearer('for-who-knows')))?.objection, sent.slice(0, 10))
  }
  exchange(look(seen('POST https://ghcr.io/token', bearer(own))), {
    sent: `${form}${theirs}`,
    received: '{"token":"for-two"}',
  })
  t.ok(look(seen('PUT https://ghcr.io/v2/a/b/manifests/1', bearer('for-two')))?.objection, 'of two the stranger counts')
  exchange(look(seen('GET https://ghcr.io/token?scope=y')), { received: '{"token":"handed-to-anybody"}' })
  t.equal(
    look(seen('GET https://ghcr.io/v2/a/b/manifests/1', bearer('handed-to-anybody'))),
    undefined,
    'nobody is not refused',
  )
  const refused = look(seen('GET https://ghcr.io/token', bearer(own)))
  exchange(refused, { status: 403, received: '{"token":"not-given-away"}' })
  t.ok(
    look(seen('GET https://ghcr.io/v2/a/b/manifests/1', bearer('not-given-away')))?.objection,
    'an error hands out nothing',
  )
})

await t.test(
  'openPermissions(): what Git LFS and Azure DevOps hand out is pinned with what it was given for',
  async t => {
    const { look } = await rig('{ pin: true }', { SYSTEM_ACCESSTOKEN: azure })
    const batch = seen('POST https://dev.azure.com/a/b/_git/c/info/lfs/objects/batch', bearer(azure))
    const header = '{"objects":[{"actions":{"download":{"href":"x","header":{"Authorization":"Bearer lfs-bearer"}}}}]}'
    exchange(look(batch), { sent: '{"operation":"download"}', received: header })
    t.equal(look(seen('GET https://dev.azure.com/a/x', bearer('lfs-bearer')))?.objection, undefined)
    const session = seen('POST https://app.vssps.visualstudio.com/_apis/Token/SessionTokens', bearer(azure))
    exchange(look(session), { received: '{"token":"session-token"}' })
    t.equal(look(seen('GET https://pkgs.dev.azure.com/a/_packaging/f', bearer('session-token')))?.objection, undefined)
    exchange(look(session), { status: 203, received: '{"token":"of-a-sign-in-page"}' })
    t.ok(look(seen('GET https://pkgs.dev.azure.com/a/_packaging/f', bearer('of-a-sign-in-page')))?.objection)
  },
)

await t.test('openPermissions(): another credential beside a pinned one is refused', async t => {
  const { look } = await rig('{ pin: true }', { GITHUB_TOKEN: own })
  const request = (fields: Readonly<Record<string, string>>): RequestLook | undefined =>
    look(seen('POST https://github.com/settings', { ...bearer(own), ...fields }))
  t.equal(request({})?.objection, undefined)
  t.ok(request({ cookie: 'logged_in=yes; user_session=of-somebody-else' })?.objection, 'a session')
  t.ok(request({ 'x-api-key': 'of-somebody-else' })?.objection, 'a field')
  t.ok(
    request({ authorization: `Basic ${Buffer.from(`${theirs}:${own}`).toString('base64')}` })?.objection,
    'the user name',
  )
})

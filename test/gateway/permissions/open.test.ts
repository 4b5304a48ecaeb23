import t from 'tap'
import { bearer, exchange, own, rig, theirs } from './open-rig.ts'
import { seen } from './seen.ts'

await t.test(
  'openPermissions(): one credential has one name, whatever it is sent as, and another job gives it another',
  async t => {
    const [first, second] = [await rig('{}'), await rig('{}')]
    const basic = { authorization: `Basic ${Buffer.from(`x:${own}`).toString('base64')}` }
    const names = [
      exchange(first.look(seen('GET https://api.github.com/user', bearer(own)))).token,
      exchange(first.look(seen('GET https://github.com/a/b.git/info/refs', basic))).token,
      exchange(first.look(seen('GET https://npm.acme.test/left', bearer(own)))).token,
    ]
    t.match(names[0], /^[0-9a-f]{16}$/)
    t.equal(new Set(names).size, 1)
    t.not(exchange(second.look(seen('GET https://api.github.com/user', bearer(own)))).token, names[0])
    t.not(exchange(first.look(seen('GET https://api.github.com/user', bearer(theirs)))).token, names[0])
  },
)

await t.test('openPermissions(): what carries no credential is not looked at', async t => {
  const { look } = await rig('{}')
  t.equal(look(seen('GET https://api.github.com/repos/a/b')), undefined)
  t.equal(look(seen('GET https://npm.acme.test/left')), undefined)
})

await t.test('openPermissions(): notes what the path does not say', async t => {
  const { look } = await rig('{}', { GITHUB_TOKEN: own, GITHUB_SERVER_URL: 'https://git.acme.test' })
  const details = (text: string, happens: Parameters<typeof exchange>[1] = {}): unknown =>
    exchange(look(seen(text, bearer(own))), happens).details
  t.same(details('GET https://github.com/a/b.git/info/refs?service=git-receive-pack'), {
    git: 'receive-pack',
    credential: 'GITHUB_TOKEN',
  })
  t.same(details('POST https://git.acme.test/a/b.git/info/lfs/objects/batch', { sent: '{"operation":"upload"}' }), {
    git: 'lfs-upload',
    credential: 'GITHUB_TOKEN',
    home: 'github',
  })
  t.match(
    details('POST https://api.github.com/graphql', { sent: '{"query":"mutation { addStar(input: {}) { id } }"}' }),
    { graphql: 'mutation addStar' },
  )
  t.match(details('POST https://api.github.com/graphql', { sent: 'x'.repeat(300_000) }), { graphql: 'unread' })
  const accepted = { 'x-accepted-github-permissions': 'contents=write,pages=read; issues=read' }
  t.match(details('GET https://api.github.com/x', { fields: accepted }), {
    accepted: 'contents=write,pages=read; issues=read',
  })
  for (const value of ['<b>', 'contents', `a=read,${'b'.repeat(300)}=read`])
    t.equal(
      Object.hasOwn(
        Object(details('GET https://api.github.com/x', { fields: { 'x-accepted-github-permissions': value } })),
        'accepted',
      ),
      false,
      'what is not of the form is not written',
    )
})

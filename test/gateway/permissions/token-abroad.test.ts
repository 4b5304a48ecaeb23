import t from 'tap'
import { azure, bearer, exchange, own, rig, theirs } from './open-rig.ts'
import { seen } from './seen.ts'

await t.test('openPermissions(): a token sent to where it is not at home is an alarm', async t => {
  const { look, alarms } = await rig('{}', { SYSTEM_ACCESSTOKEN: azure })
  look(seen('GET https://evil.test/', bearer(own)))
  look(seen(`GET https://evil.test/x?t=${theirs}`))
  look(seen('GET https://other.test/', { 'x-note': `here: ${own}` }, 'deny'))
  look(seen('GET https://evil.test/', bearer(azure)))
  look(seen('GET https://dev.azure.com/a/_apis/projects', bearer(own)))
  look(seen('GET https://evil.test/', bearer(own)))
  t.same(
    alarms.map(({ kind, host }) => [kind, host]),
    ['evil.test', 'evil.test', 'other.test', 'evil.test', 'dev.azure.com'].map(host => ['token-abroad', host]),
  )
  t.match(alarms[2]?.note, /refused/)
  t.ok(
    alarms.every(
      ({ note, subject = '' }) => ![own, theirs, azure].some(secret => `${note}${subject}`.includes(secret)),
    ),
  )
  t.ok(alarms.every(({ note }) => note.length <= 512))
})

await t.test('openPermissions(): a token in a body that goes abroad is an alarm, however it is cut', async t => {
  for (const padding of ['', 'x', 'xxxxx', 'y'.repeat(1_000)]) {
    const { look, alarms } = await rig('{}', { GITHUB_TOKEN: own })
    exchange(look(seen('POST https://evil.test/')), { sent: `${padding}${own}${padding}` })
    t.match(alarms, [{ kind: 'token-abroad', host: 'evil.test' }], `${padding.length} bytes before`)
    exchange(look(seen('POST https://other.test/')), { sent: `${padding}${own.slice(0, -1)}=${padding}` })
    exchange(look(seen('POST https://api.github.com/graphql', bearer(own))), { sent: own })
    t.equal(alarms.length, 1, 'not a part of it, and not at home')
  }
})

await t.test('openPermissions(): a token is at home where it was taken', async t => {
  const { look, alarms } = await rig('{}')
  look(seen('GET https://evil.test/', bearer('some-opaque-token')))
  t.same(alarms, [], 'nobody knows whose it is')
  exchange(look(seen('GET https://api.github.com/user', bearer('some-opaque-token'))), { status: 401 })
  look(seen('GET https://evil.test/', bearer('some-opaque-token')))
  t.same(alarms, [], 'and who refuses it does not tell')
  exchange(look(seen('GET https://api.github.com/user', bearer('some-opaque-token'))))
  look(seen('GET https://evil.test/', bearer('some-opaque-token')))
  t.same(
    alarms.map(({ kind }) => kind),
    ['token-abroad'],
  )
})

await t.test('openPermissions(): an ID token is meant to go abroad', async t => {
  const { look, alarms } = await rig('{}', { ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'eyJhbGciOiJub25lIn0.eyJhIjoxfQ.c2ln' })
  const asked = look(
    seen(
      'GET https://vstoken.actions.githubusercontent.com/_apis/idtoken',
      bearer('eyJhbGciOiJub25lIn0.eyJhIjoxfQ.c2ln'),
    ),
  )
  exchange(asked, { received: '{"value":"eyJhbGciOiJub25lIn0.eyJiIjoxfQ.c2ln"}' })
  look(seen('POST https://sts.example.com/', bearer('eyJhbGciOiJub25lIn0.eyJiIjoxfQ.c2ln')))
  t.same(alarms, [])
})

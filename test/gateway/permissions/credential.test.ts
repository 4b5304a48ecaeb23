import t from 'tap'
import { credentialsIn, credentialsOf, githubTokensIn, isGithubToken } from '../../../gateway/permissions/credential.ts'
import { fieldsOf } from './seen.ts'

const token = `ghs_${'a1B2'.repeat(9)}`
const base64 = (text: string): string => Buffer.from(text).toString('base64')

const cases: readonly [string, string, string | undefined][] = [
  ['a bearer token', `Bearer ${token}`, token],
  ['the scheme GitHub had first', `token ${token}`, token],
  ['a scheme in capitals, spaces around', `  BEARER   ${token} `, token],
  ['the password of Basic', `Basic ${base64(`x-access-token:${token}`)}`, token],
  ['a password with colons', `Basic ${base64('user:a:b')}`, 'a:b'],
  ['a token as the user name', `Basic ${base64(`${token}:x-oauth-basic`)}`, token],
  ['a token as the user name, alone', `Basic ${base64(`${token}:`)}`, token],
  ['no user name', `Basic ${base64(`:${token}`)}`, token],
  ['a GitHub token in base64, as its registry takes it', `Bearer ${base64(token)}`, token],
  ['base64 of something else', `Bearer ${base64(`Zg${'x'.repeat(40)}`)}`, base64(`Zg${'x'.repeat(40)}`)],
  ['Basic without a colon', `Basic ${base64('nothing')}`, base64('nothing')],
  ['more than one word', 'Bearer one two', 'one two'],
  ['a scheme without a credential', 'Bearer ', undefined],
  ['Basic of nothing', `Basic ${base64(':')}`, undefined],
  ['a signature', 'AWS4-HMAC-SHA256 Credential=AKIA/x, SignedHeaders=host, Signature=0', undefined],
  ['Negotiate', 'Negotiate YII=', undefined],
  ['nothing', '', undefined],
]
for (const [name, value, secret] of cases)
  await t.test(`credentialsIn(): ${name}`, async t =>
    t.same(credentialsIn(value), secret === undefined ? [] : [secret]),
  )

await t.test('credentialsOf(): all that a request carries, Authorization first', async t => {
  t.same(credentialsOf(fieldsOf({ 'private-token': 'glpat-x', authorization: 'Bearer y' })), ['y', 'glpat-x'])
  t.same(credentialsOf(fieldsOf({ 'x-nuget-apikey': 'oy2', accept: '*/*' })), ['oy2'])
  t.same(credentialsOf(fieldsOf({ 'x-nuget-apikey': '' })), [])
  t.same(credentialsOf(fieldsOf({ cookie: 'a=b; user_session=s1; __Host-user_session_same_site=s2; c=d' })), [
    's1',
    's2',
  ])
  t.same(credentialsOf(fieldsOf({ cookie: 'my_user_session=1; session=2' })), [])
  const twice = [
    ['authorization', 'Bearer one'],
    ['authorization', 'Bearer two'],
  ] as const
  t.same([...credentialsOf({ get: () => 'Bearer one', entries: () => twice })].toSorted(), ['one', 'two'])
  const user = Buffer.from(`${token}:other`).toString('base64')
  t.same(credentialsOf(fieldsOf({ authorization: `Basic ${user}` })), ['other', token], 'a token as the user name too')
})

await t.test('isGithubToken(): each form GitHub has, and nothing that only begins so', async t => {
  for (const prefix of ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_']) t.ok(isGithubToken(prefix + 'a'.repeat(36)), prefix)
  t.ok(isGithubToken(`github_pat_${'a'.repeat(22)}_${'b'.repeat(59)}`))
  for (const text of ['ghp_short', `xghp_${'a'.repeat(36)}`, 'github_pat_x', '', 'gha_'.padEnd(40, 'a')])
    t.notOk(isGithubToken(text), text)
})

await t.test('githubTokensIn(): finds them wherever they are', async t => {
  t.same(githubTokensIn(`/collect?a=${token}&b=1`), [token])
  t.same(githubTokensIn(`note: ${token}; ${token}`), [token, token])
  t.same(githubTokensIn('/high/ghosts?x=ghs_short'), [])
})

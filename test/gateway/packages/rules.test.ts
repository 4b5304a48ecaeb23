import t from 'tap'
import { Advisories } from '../../../gateway/packages/advisories.ts'
import type { Publication } from '../../../gateway/packages/age.ts'
import type { Asked } from '../../../gateway/packages/asked.ts'
import {
  type PackageSettings,
  PackageRules,
  readDenyList,
  readDenyListSafely,
} from '../../../gateway/packages/rules.ts'

const none: PackageSettings = { internal: [], deny: [], osv: [], installScripts: 'report' }

function asked(text: string): Asked {
  const [, type = 'npm', namespace, name = '', version] = /^(\w+):(?:(.+)\/)?([^@/]+)(?:@(.+))?$/.exec(text) ?? []
  if (type !== 'npm' && type !== 'pypi' && type !== 'maven' && type !== 'golang' && type !== 'oci' && type !== 'deb')
    throw new Error(text)
  return { kind: version === undefined ? 'metadata' : 'artifact', ecosystem: type, namespace, name, version }
}

function rules(settings: Partial<PackageSettings>, advisories?: Advisories): PackageRules {
  const all = { ...none, ...settings }
  return new PackageRules(all, readDenyList(all.deny), advisories)
}

const denied: readonly [line: string, what: string, isDenied: boolean][] = [
  ['pkg:npm/evil', 'npm:evil@1.0.0', true],
  ['pkg:npm/evil', 'npm:evil', true],
  ['pkg:npm/evil', 'npm:evil-not@1.0.0', false],
  ['pkg:npm/evil', 'pypi:evil@1.0.0', false],
  ['pkg:npm/evil@<2.0.1', 'npm:evil@2.0.0', true],
  ['pkg:npm/evil@<2.0.1', 'npm:evil@2.0.1', false],
  ['pkg:npm/evil@<2.0.1', 'npm:evil', false],
  ['pkg:npm/evil@%3C2.0.1', 'npm:evil@2.0.0', true],
  ['pkg:npm/%40acme/ui@1.2.3', 'npm:@acme/ui@1.2.3', true],
  ['pkg:npm/@acme/ui', 'npm:@acme/ui@1.2.3', true],
  ['pkg:npm/@acme/ui@1.2.3', 'npm:@acme/ui@1.2.4', false],
  ['pkg:pypi/Zope.Interface@<7', 'pypi:zope-interface@6.4.post2', true],
  ['pkg:maven/org.apache.logging.log4j/log4j-core@<2.17.1', 'maven:org.apache.logging.log4j/log4j-core@2.14.1', true],
  ['pkg:golang/github.com/Acme/x@v1.0.0', 'golang:github.com/Acme/x@v1.0.0', true],
  ['pkg:oci/app@1.2', 'oci:acme/app@sha256:ab', false],
  ['pkg:deb/debian/xz-utils@>=5.6.0,<5.6.2', 'deb:debian/xz-utils@5.6.1-1', true],
  ['pkg:deb/debian/xz-utils@>=5.6.0,<5.6.2', 'deb:xz-utils@5.6.1-1', true],
  ['pkg:npm/evil@<2.0.0', 'npm:evil@not-a-version', true],
]

for (const [line, what, isDenied] of denied)
  t.test(`denied(): ${line} and ${what}`, async t => {
    const refusal = rules({ deny: [line] }).denied(asked(what))
    t.match(refusal, isDenied ? { kind: 'denied-package', rule: `packages.deny[0] ${line}` } : undefined)
    t.equal(refusal !== undefined, isDenied)
  })

t.test('denied(): an image by its tag', async t => {
  const image: Asked = {
    kind: 'artifact',
    ecosystem: 'oci',
    namespace: 'acme',
    name: 'app',
    qualifiers: { tag: '1.2' },
  }
  t.ok(rules({ deny: ['pkg:oci/app@1.2'] }).denied(image))
  t.equal(rules({ deny: ['pkg:oci/app@1.3'] }).denied(image), undefined)
})

t.test('readDenyList(): all faults at once, by their line', async t => {
  t.throws(() => readDenyList(['pkg:npm/ok', 'pkg:apk/x@<1', 'pkg:hex/x', 'pkg:npm/x@latest']), {
    code: 'POLICY_INVALID',
    message: /pkg:apk\/x@<1: .*pkg:hex\/x: .*pkg:npm\/x@latest: /,
  })
})

t.test('readDenyListSafely(): a range that cannot be read stands for every version', async t => {
  const read = new PackageRules(none, readDenyListSafely(['pkg:npm/x@latest', 'pkg:hex/x', 'pkg:npm/@acme/y@what']))
  t.ok(read.denied(asked('npm:x@1.0.0')))
  t.ok(read.denied(asked('npm:@acme/y@1.0.0')))
})

const confused: readonly [scope: string, what: string, hosts: readonly string[], isConfused: boolean][] = [
  ['@acme/*', 'npm:@acme/ui', ['registry.npmjs.org'], true],
  ['@acme/*', 'npm:@acme/ui', ['npm.acme.test'], false],
  ['@acme/*', 'npm:@acme/ui', ['npm.acme.test', 'blobs.test'], false],
  ['@acme/*', 'npm:@acme2/ui', ['registry.npmjs.org'], false],
  ['acme-*', 'pypi:acme-tools', ['pypi.org'], true],
  ['acme_*', 'pypi:acme-tools', ['pypi.org'], true],
  ['acme-*', 'deb:debian/acme-tools', ['apt.test'], true],
  ['pkg:pypi/acme-*', 'deb:debian/acme-tools', ['apt.test'], false],
  ['com.acme.*', 'maven:com.acme.lib/core', ['repo.test'], true],
  ['com.acme:*', 'maven:com.acme/core', ['repo.test'], true],
  ['com.acme.*', 'maven:com.acmecorp/core', ['repo.test'], false],
  ['github.com/acme/*', 'golang:github.com/acme/tool', ['proxy.golang.org'], true],
  ['acme/*', 'oci:acme/app', ['registry.test'], true],
]

for (const [scope, what, hosts, isConfused] of confused)
  t.test(`confusion(): ${scope}, and ${what} of ${hosts.join(', ')}`, async t => {
    const refusal = rules({ internal: [{ scope, from: 'npm.acme.test' }] }).confusion(asked(what), hosts)
    t.match(refusal, isConfused ? { kind: 'dependency-confusion', rule: `packages.internal[0] ${scope}` } : undefined)
    t.equal(refusal !== undefined, isConfused)
  })

const day = (time: string): number => Date.parse(`${time}T00:00:00Z`)
const version: Asked = { kind: 'artifact', ecosystem: 'npm', namespace: '@acme', name: 'ui', version: '1.0.0' }
const exact = (time: string): Publication => ({ time: day(time), isBound: false, from: 'version' })
const bound = (time: string): Publication => ({ time: day(time), isBound: true, from: 'last-modified' })

t.test('ageOf(): known by its time, old enough by the time by which it was there, else unknown', async t => {
  const now = day('2026-03-10')
  const week = rules({ minimumAgeDays: 7 })
  t.equal(week.ageOf(undefined, now), 'unknown')
  t.equal(week.ageOf(exact('2026-03-03'), now), 'old')
  t.equal(week.ageOf(exact('2026-03-04'), now), 'young')
  t.equal(week.ageOf(bound('2026-03-01'), now), 'old')
  t.equal(week.ageOf(bound('2026-03-09'), now), 'unknown')
  t.equal(rules({}).ageOf(exact('2026-03-10'), now), 'unknown')
})

t.test('tooYoung(): what is known to be young, and no package of your own', async t => {
  const now = day('2026-03-10')
  const week = rules({ minimumAgeDays: 7 })
  t.match(week.tooYoung(version, exact('2026-03-04'), now), {
    kind: 'package-too-young',
    rule: 'packages.minimumAgeDays 7',
    note: '2026-03-04T00:00:00.000Z',
  })
  t.equal(week.tooYoung(version, bound('2026-03-09'), now), undefined, 'what is unknown is not refused')
  t.equal(week.tooYoung({ ...version, kind: 'metadata' }, exact('2026-03-09'), now), undefined)
  t.equal(rules({}).tooYoung(version, exact('2026-03-10'), now), undefined)
  const own = rules({ minimumAgeDays: 7, internal: [{ scope: '@acme/*', from: 'npm.acme.example' }] })
  t.equal(own.tooYoung(version, exact('2026-03-10'), now), undefined)
  t.ok(own.tooYoung({ ...version, namespace: '@other' }, exact('2026-03-10'), now))
})

t.test('ofUnknownAge(): only where the policy wants it, and of kinds that can say it', async t => {
  const now = day('2026-03-10')
  const strict = rules({ minimumAgeDays: 7, unknownAge: 'deny' })
  t.match(strict.ofUnknownAge(version, undefined, now), { kind: 'package-age-unknown', rule: 'packages.unknownAge' })
  t.match(strict.ofUnknownAge(version, bound('2026-03-09'), now), { note: '2026-03-09T00:00:00.000Z' })
  for (const known of [exact('2026-03-09'), exact('2026-03-01'), bound('2026-03-01')])
    t.equal(strict.ofUnknownAge(version, known, now), undefined)
  for (const ecosystem of ['oci', 'deb', 'apk', 'golang'] as const)
    t.equal(strict.ofUnknownAge({ ...version, ecosystem }, undefined, now), undefined, ecosystem)
  t.equal(rules({ minimumAgeDays: 7 }).ofUnknownAge(version, undefined, now), undefined)
  t.equal(rules({ unknownAge: 'deny' }).ofUnknownAge(version, undefined, now), undefined)
})

function osv(ecosystem: string, name: string, affected: object): string {
  return JSON.stringify({ id: 'MAL-1', affected: [{ package: { ecosystem, name }, ...affected }] })
}

function range(...events: readonly object[]): object {
  return { ranges: [{ type: 'ECOSYSTEM', events }] }
}

const advised: readonly [entry: string, what: string, isMeant: boolean][] = [
  [osv('npm', 'evil', range({ introduced: '0' })), 'npm:evil@9.9.9', true],
  [osv('npm', 'evil', range({ introduced: '0' }, { fixed: '1.2.0' })), 'npm:evil@1.1.9', true],
  [osv('npm', 'evil', range({ introduced: '0' }, { fixed: '1.2.0' })), 'npm:evil@1.2.0', false],
  [
    osv('npm', 'evil', range({ introduced: '1.0.0' }, { fixed: '1.2.0' }, { introduced: '2.0.0' }, { fixed: '2.1.0' })),
    'npm:evil@2.0.5',
    true,
  ],
  [
    osv('npm', 'evil', range({ introduced: '1.0.0' }, { fixed: '1.2.0' }, { introduced: '2.0.0' }, { fixed: '2.1.0' })),
    'npm:evil@1.5.0',
    false,
  ],
  [osv('npm', 'evil', range({ introduced: '1.0.0' }, { last_affected: '1.2.0' })), 'npm:evil@1.2.0', true],
  [osv('npm', 'evil', range({ introduced: '1.0.0' }, { last_affected: '1.2.0' })), 'npm:evil@1.2.1', false],
  [osv('npm', 'evil', { versions: ['1.0.0'] }), 'npm:evil@1.0.0', true],
  [osv('npm', 'evil', { versions: ['1.0.0'] }), 'npm:evil@1.0.1', false],
  [osv('npm', 'evil', { ranges: [{ type: 'GIT', events: [{ introduced: '0' }] }] }), 'npm:evil@1.0.0', false],
  [osv('PyPI', 'Zope.Interface', range({ introduced: '0' })), 'pypi:zope-interface@1.0', true],
  [osv('Maven', 'org.acme:core', range({ introduced: '0' }, { fixed: '2.0' })), 'maven:org.acme/core@2.0-rc1', true],
  [
    osv('Go', 'github.com/acme/x', range({ introduced: '0' }, { fixed: '1.4.0' })),
    'golang:github.com/acme/x@v1.3.0',
    true,
  ],
  [
    osv('Debian:12', 'xz-utils', range({ introduced: '5.6.0' }, { fixed: '5.6.1+really5.4.5-1' })),
    'deb:debian/xz-utils@5.6.1-1',
    true,
  ],
  [osv('Hex', 'evil', range({ introduced: '0' })), 'npm:evil@1.0.0', false],
]

for (const [entry, what, isMeant] of advised)
  t.test(`denied(): ${what} by ${entry}`, async t => {
    const advisories = new Advisories()
    advisories.take(entry)
    t.match(
      rules({}, advisories).denied(asked(what)),
      isMeant ? { rule: 'packages.osv MAL-1', kind: 'denied-package' } : undefined,
    )
    t.equal(advisories.about(asked(what)) !== undefined, isMeant)
  })

t.test('Advisories: lists of entries, withdrawn ones, and what is none', async t => {
  const advisories = new Advisories()
  advisories.take(
    `[${osv('npm', 'a', range({ introduced: '0' }))},${JSON.stringify({ id: 'X', withdrawn: '2026-01-01T00:00:00Z', affected: [{ package: { ecosystem: 'npm', name: 'b' }, versions: ['1.0.0'] }] })}]`,
  )
  t.ok(advisories.about(asked('npm:a@1.0.0')))
  t.equal(advisories.about(asked('npm:b@1.0.0')), undefined)
  for (const bad of ['', '{"id":', '{}', '"text"', '{"id":"X","affected":{}}', '[null]'])
    t.throws(() => advisories.take(bad), bad)
})

t.test('a file that is asked for without a version, as the newest, may be each', async t => {
  const advisories = new Advisories()
  advisories.take(osv('NuGet', 'evil', range({ introduced: '0' }, { fixed: '1.2.0' })))
  const newest = { kind: 'artifact', ecosystem: 'nuget', name: 'Evil' } as const
  t.match(rules({}, advisories).denied(newest), { rule: 'packages.osv MAL-1' })
  t.match(rules({ deny: ['pkg:nuget/evil@<1.2.0'] }).denied(newest), { rule: /^packages\.deny\[0\]/ })
  t.equal(rules({ deny: ['pkg:nuget/evil@<1.2.0'] }).denied({ ...newest, kind: 'metadata' }), undefined)
  t.equal(rules({ deny: ['pkg:nuget/other@<1.2.0'] }, advisories).denied({ ...newest, name: 'third' }), undefined)
})

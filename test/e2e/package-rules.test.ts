import t from 'tap'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { npmRegistry, type OfferedPackage } from './npm-registry.ts'
import type { Line } from './record-check.ts'
import { runSteps } from './steps.ts'

t.setTimeout(240_000)

const registry = 'registry.npmjs.org'
const dayMs = 86_400_000

const post = `const { request } = require('node:https')
const call = request({ host: 'api.acme.test', path: process.argv[2], method: 'POST' }, answer => answer.resume())
call.on('error', () => {})
call.end('from a script')
`

function offered(
  name: string,
  version: string,
  more: Partial<OfferedPackage> = {},
  fields: object = {},
): OfferedPackage {
  return { manifest: { name, version, ...fields }, files: [{ path: 'index.js', content: `// ${name}\n` }], ...more }
}

const packages = [
  offered('lab-plain', '1.0.0', { publishedAt: '2020-01-01T00:00:00.000Z' }),
  offered('lab-denied', '1.9.0'),
  offered('lab-advised', '3.0.0'),
  offered('@acme/ui', '99.0.0'),
  offered('lab-young', '1.0.0', { publishedAt: new Date(Date.now() - dayMs).toISOString() }),
  offered('lab-forged', '1.0.0', { isForged: true }),
  offered(
    'lab-scripted',
    '1.0.0',
    { files: [{ path: 'post.js', content: post }] },
    { scripts: { postinstall: 'node post.js /echo/postinstall' } },
  ),
]

const npm = `npm install --no-audit --no-fund --no-update-notifier --fetch-retries 0 --registry https://${registry}/ --cache "$WORK/cache"`
const install = (name: string): string =>
  `mkdir p && cd p && echo '{"name":"w","version":"1.0.0","scripts":{"build":"node post.js /echo/build"}}' >package.json && ${npm} ${name}`

function policy(mode: 'audit' | 'block', osv: string): string {
  return `version: 1
mode: ${mode}
allow:
  - GET,HEAD https://${registry}/**
  - POST https://api.acme.test/**
packages:
  internal: [{ scope: "@acme/*", from: npm.acme.test }]
  deny: ["pkg:npm/lab-denied@<2.0.0"]
  osv: [${osv}]
  minimumAgeDays: 7
  installScripts: deny
`
}

const advisory = {
  id: 'MAL-2026-1',
  affected: [
    {
      package: { ecosystem: 'npm', name: 'lab-advised' },
      ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }] }],
    },
  ],
}

const wanted = {
  denied: { package: 'lab-denied', kind: 'denied-package', rule: 'packages.deny[0] pkg:npm/lab-denied@<2.0.0' },
  advised: { package: 'lab-advised', kind: 'denied-package', rule: 'packages.osv MAL-2026-1' },
  confused: { package: '@acme/ui', kind: 'dependency-confusion', rule: 'packages.internal[0] @acme/*' },
  young: { package: 'lab-young', kind: 'package-too-young', rule: 'packages.minimumAgeDays 7' },
  forged: { package: 'lab-forged', kind: 'digest-mismatch', rule: 'packages: digest of pkg:npm/lab-forged@1.0.0' },
  scripted: { package: 'lab-scripted', kind: 'install-script', rule: 'packages.installScripts npm lab-scripted@1.0.0' },
} as const

await t.test('I1, I2, I3, I4: packages that the policy does not want', { skip: whyNoLab(['origins']) }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  await lab.serve(registry)
  await lab.origins.script(registry, '*', npmRegistry(registry, packages))
  const osv = lab.file('osv')
  mkdirSync(osv)
  writeFileSync(`${osv}/MAL-2026-1.json`, JSON.stringify(advisory))
  writeFileSync(`${osv}/broken.json`, '{"id": ')

  for (const mode of ['block', 'audit'] as const)
    await t.test(`in ${mode}`, async t => {
      await lab.origins.clear()
      const steps: Readonly<Record<string, string>> = Object.fromEntries(
        Object.entries(wanted).map(([step, { package: name }]) => [
          step,
          `mkdir ${step} && cd ${step} && ${install(name)}`,
        ]),
      )
      const build = `mkdir build && cd build && ${install('lab-plain')} && printf '%s' '${post.replaceAll("'", `'"'"'`)}' >post.js && npm run build`
      const run = await runSteps<string>(lab, {
        policy: policy(mode, osv),
        steps: { ...steps, build },
        timeoutMs: 150_000,
      })

      t.equal(run.step('build').exitCode, 0, run.step('build').stderr)
      const alarms = run.lines.filter(({ event }) => event === 'anomaly')
      t.match(
        run.stderr,
        /1 of the advisory files in packages\.osv could not be read/,
        'a broken advisory file is one line',
      )
      t.same(
        alarms.map(({ details }) => details?.['kind']).toSorted(byText),
        [
          'package-unread',
          ...Object.values(wanted).map(({ kind }) => kind),
          // In audit it is told as well that a stranger's registry has what it was asked for.
          ...(mode === 'audit' ? ['dependency-confusion'] : []),
        ].toSorted(byText),
        'each is told, and nothing else is',
      )
      for (const [step, { rule, kind }] of Object.entries(wanted)) {
        const found = run.lines.filter(line => line.rule === rule)
        const verdict = mode === 'block' ? 'deny' : 'observe'
        t.ok(found.length > 0, `${kind}: ${rule}`)
        for (const line of found)
          t.match(line, { layer: 'http', verdict, reason: 'denied-by-rule', process: { pid: Number } })
        // npm itself finds the forged one, and does not care what a script is refused.
        if (step !== 'forged' && step !== 'scripted') t.equal(run.step(step).exitCode === 0, mode === 'audit', step)
      }
      // Npm before 11 hears of no age: there only the file itself says that it is young.
      const isByName = (path: string): boolean => mode === 'audit' || !path.includes('lab-young')
      const archives = await lab.origins.requests(({ path }) => path.endsWith('.tgz') && isByName(path))
      t.same(
        [...new Set(archives.map(({ path }) => path.split('/').at(-1)))].toSorted(byText),
        mode === 'block'
          ? ['lab-forged-1.0.0.tgz', 'lab-plain-1.0.0.tgz', 'lab-scripted-1.0.0.tgz']
          : packages
              .map(({ manifest: { name, version } }) => `${name.split('/').at(-1)}-${version}.tgz`)
              .toSorted(byText),
        'what is refused by its name is not even asked for',
      )
      const posts = await lab.origins.requests({ host: 'api.acme.test' })
      t.same(
        posts.map(({ path }) => path).toSorted(byText),
        mode === 'block' ? ['/echo/build'] : ['/echo/build', '/echo/postinstall'],
        'the project’s own build script is no install script',
      )
      const forged = run.lines.find(isForged)
      t.match(forged, { details: { promise: 'broken', sha512: /^[0-9a-f]{128}$/ } })
      t.match(readFileSync(`${run.out}/summary.md`, 'utf8'), 'pkg:npm/lab-denied@1.9.0 is denied by packages.deny')
    })
})

function isForged({ details }: Line): boolean {
  return details?.['purl'] === 'pkg:npm/lab-forged@1.0.0'
}

function byText(a: unknown, b: unknown): number {
  return String(a) < String(b) ? -1 : 1
}

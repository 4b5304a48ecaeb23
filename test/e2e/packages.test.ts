import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { aptOptions } from './apt-options.ts'
import { auditPolicy, blockPolicy, tidegate } from './behind.ts'
import { linesFor } from './record-check.ts'
import { runSteps } from './steps.ts'

t.setTimeout(240_000)

interface Bom {
  readonly components: readonly {
    readonly purl: string
    readonly hashes: readonly { readonly alg: string; readonly content: string }[]
  }[]
}

interface Statement {
  readonly subject: readonly unknown[]
  readonly predicate: {
    readonly monitorLog: {
      readonly network: readonly { readonly hostname: string }[]
      readonly fileAccess: readonly { readonly uri: string }[]
    }
  }
}

const services = ['origins', 'npm', 'python', 'debian'] as const

const allow = [
  'GET,HEAD,POST https://npm.acme.test/**',
  'GET,HEAD https://pypi.acme.test/**',
  'GET,HEAD http://apt.acme.test/debian/**',
]

const npm =
  'npm install --no-audit --no-fund --no-update-notifier --fetch-retries 0 --registry https://npm.acme.test/ --cache "$WORK/npm-cache"'
const pip =
  'python3 -m pip download --no-cache-dir --disable-pip-version-check --isolated --retries 0 --index-url https://pypi.acme.test/simple/ -d wheels'
const project = (name: string): string =>
  `mkdir ${name} && cd ${name} && echo "{\\"name\\":\\"w\\",\\"version\\":\\"1.0.0\\"}" >package.json`

const fetches = {
  npm: `${project('npm')} && ${npm} lab-right >&2 && node -p 'require("lab-right")("x")'`,
  pip: `${pip} lab-wheel && ls wheels`,
  apt: 'apt-get $(cat apt-options) update && cd "$(cat apt-root)" && apt-get $(cat "$WORK/apt-options") download lab-hello && ls *.deb',
}

await t.test(
  'packages that the policy has nothing against come in, and are recorded',
  { skip: whyNoLab(services) },
  async t => {
    await using lab = await openLab({ services })
    for (const mode of ['block', 'audit'] as const)
      await t.test(`in ${mode}`, async t => {
        const root = lab.file(`apt-${mode}`)
        const prepare = `ln -s '${aptOptions(root)}' apt-options; echo '${root}' >apt-root`
        const policy = mode === 'block' ? blockPolicy(allow, 'packages: {}\n') : `${auditPolicy}packages: {}\n`
        const run = await runSteps(lab, { policy, steps: { prepare, ...fetches }, timeoutMs: 120_000 })
        t.equal(run.step('npm').stdout, ' x \n', run.step('npm').stderr)
        t.match(run.step('pip').stdout, /lab_wheel-1\.0\.0/, run.step('pip').stderr)
        t.match(run.step('apt').stdout, /lab-hello_1\.0_all\.deb/, run.step('apt').stderr)
        const files = run.lines.filter(line => line.details?.['purl'] !== undefined)
        t.same(
          sorted(files.map(line => [line.details?.['purl'], line.details?.['promise']].map(String).join(' '))),
          [
            'pkg:deb/debian/lab-hello@1.0?arch=all kept',
            'pkg:npm/lab-left@1.0.0 kept',
            'pkg:npm/lab-right@1.0.0 kept',
            'pkg:pypi/lab-wheel@1.0.0?file_name=lab_wheel-1.0.0-py3-none-any.whl kept',
          ],
          'what came in is what the registries say',
        )
        for (const line of files) {
          t.match(line, { layer: 'http', status: 200, details: { sha256: /^[0-9a-f]{64}$/ }, process: { pid: Number } })
          t.equal(line.verdict, mode === 'block' ? 'allow' : 'observe')
        }
        t.match(linesFor(run.lines, 'npm.acme.test', { path: '/lab-right' }), [
          { details: { describes: 'pkg:npm/lab-right' } },
        ])
        t.same(
          run.lines.filter(line => line.event === 'anomaly'),
          [],
          'and nobody is alarmed',
        )

        await t.test(
          'inputs.cdx.json and inputs.intoto.json say the same, and are what export makes of the log',
          async t => {
            const text = readFileSync(`${run.out}/inputs.cdx.json`, 'utf8')
            t.equal(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text), null)
            const bom: Bom = JSON.parse(text)
            t.same(
              sorted(
                bom.components.map(
                  ({ purl, hashes }) => `${purl} ${hashes.find(({ alg }) => alg === 'SHA-256')?.content}`,
                ),
              ),
              sorted(files.map(({ details }) => [details?.['purl'], details?.['sha256']].map(String).join(' '))),
            )
            const statementText = readFileSync(`${run.out}/inputs.intoto.json`, 'utf8')
            const statement: Statement = JSON.parse(statementText)
            t.same(statement.subject, [
              {
                name: 'egress.ndjson',
                digest: {
                  sha256: createHash('sha256')
                    .update(readFileSync(`${run.out}/egress.ndjson`))
                    .digest('hex'),
                },
              },
            ])
            t.same(
              sorted(statement.predicate.monitorLog.fileAccess.map(({ uri }) => uri)),
              sorted(files.map(({ details }) => String(details?.['purl']))),
            )
            t.same(
              new Set(statement.predicate.monitorLog.network.map(({ hostname }) => hostname)),
              new Set(['npm.acme.test', 'pypi.acme.test', 'apt.acme.test']),
            )
            for (const [format, own] of [
              ['cyclonedx', text],
              ['in-toto', statementText],
            ] as const) {
              const exported = await lab.host.exec(tidegate, ['export', '--to', format, `${run.out}/egress.ndjson`])
              t.equal(exported.stdout, own, `${format}: ${exported.stderr}`)
              t.equal(exported.exitCode, 0)
            }
          },
        )
        await t.test('the report counts them', async t => {
          const report = await lab.host.exec(tidegate, ['report', run.out])
          t.match(report.stdout, /^Packages\n {2}npm +npm\.acme\.test +2 files +2 as promised\n/m)
          t.match(run.stderr, /^Packages$/m)
          t.match(readFileSync(`${run.out}/summary.md`, 'utf8'), '| npm | `npm.acme.test` | 2 | 2 | 0 |')
        })
      })
  },
)

await t.test('what is denied does not come in, whatever fetches it', { skip: whyNoLab(services) }, async t => {
  await using lab = await openLab({ services })
  const root = lab.file('apt-denied')
  const prepare = `ln -s '${aptOptions(root)}' apt-options; echo '${root}' >apt-root`
  const denied = ['pkg:npm/lab-left@>=1.0.0', 'pkg:pypi/Lab_Wheel@<2', 'pkg:deb/debian/lab-hello@=1.0']
  const packages = `packages:\n  deny: ${JSON.stringify(denied)}\n`
  const run = await runSteps(lab, {
    policy: blockPolicy(allow, packages),
    steps: { prepare, ...fetches },
    timeoutMs: 120_000,
  })
  for (const step of ['npm', 'pip', 'apt'] as const) t.not(run.step(step).exitCode, 0, step)
  t.match(run.step('pip').stderr, /403/)
  t.same(
    new Set(run.lines.filter(line => line.verdict === 'deny').map(line => line.rule)),
    new Set(denied.map((line, at) => `packages.deny[${at}] ${line}`)),
  )
  const arrived = await lab.origins.requests(({ path }) => /lab-left-|\.whl$|\.deb$/.test(path))
  t.same(arrived, [], 'none of it was asked for')
  const bom: Bom = JSON.parse(readFileSync(`${run.out}/inputs.cdx.json`, 'utf8'))
  t.same(
    bom.components.map(({ purl }) => purl),
    ['pkg:npm/lab-right@1.0.0'],
  )
  t.match(run.stderr, /✗ pkg:npm\/lab-left@1\.0\.0/)
})

function sorted(texts: readonly string[]): readonly string[] {
  return texts.toSorted((a, b) => (a < b ? -1 : 1))
}

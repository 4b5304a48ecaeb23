import { existsSync } from 'node:fs'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { blockPolicy } from './behind.ts'
import { npmRegistry, type OfferedPackage } from './npm-registry.ts'
import { runSteps } from './steps.ts'

t.setTimeout(240_000)

const registry = 'registry.npmjs.org'
const mirror = 'npm.acme.test'
const dayMs = 86_400_000
const yesterday = new Date(Date.now() - dayMs).toISOString()
const longAgo = '2020-01-02T03:04:05.000Z'

function offered(name: string, version: string, publishedAt: string): OfferedPackage {
  return { manifest: { name, version }, files: [{ path: 'index.js', content: `// ${version}\n` }], publishedAt }
}

const packages = [
  offered('quiet', '1.0.0', longAgo),
  offered('busy', '1.0.0', longAgo),
  offered('busy', '2.0.0', yesterday),
]

/** What a step does, with the folder that it makes. */
type Fetch = (folder: string, file: string, host: string) => string

const options = '--no-audit --no-fund --no-update-notifier --fetch-retries 0'

function enter(folder: string, files: Readonly<Record<string, object>>): string {
  const writes = Object.entries(files).map(([path, content]) => `printf '%s' '${JSON.stringify(content)}' >${path}`)
  return [`mkdir ${folder}`, `cd ${folder}`, ...writes].join(' && ')
}

/** Recent npm (11.19) asks for the whole metadata here, older npm for the short one. */
const install: Fetch = (folder, file, host) =>
  `${enter(folder, { 'package.json': { name: 'w' } })} && npm install ${options} --registry https://${host}/ --cache "$WORK/cache-${folder}" ${file}`

/** As pipelines do it: what is locked is fetched, and nothing is asked about it. */
const ci: Fetch = (folder, file, host) => {
  const [name = '', version = ''] = file.split('@')
  const own = { name: 'w', version: '1.0.0', dependencies: { [name]: version } }
  const locked = { version, resolved: `https://${host}/${name}/-/${name}-${version}.tgz` }
  const lock = { ...own, lockfileVersion: 3, packages: { '': own, [`node_modules/${name}`]: locked } }
  const project = enter(folder, { 'package.json': own, 'package-lock.json': lock })
  return `${project} && npm ci ${options} --registry https://${host}/ --cache "$WORK/cache-${folder}"`
}

/** As clients do that ask for the short metadata, whatever npm this machine has. */
const short: Fetch = (folder, file, host) => {
  const [name = '', version = ''] = file.split('@')
  const into = `${folder}/node_modules/${name}`
  const base = `https://${host}/${name}`
  return `mkdir -p ${into} && curl -sSf -o ${folder}/short -H 'accept: application/vnd.npm.install-v1+json' ${base} && curl -sSf -o ${folder}/file ${base}/-/${name}-${version}.tgz && tar -xzf ${folder}/file -C ${into} --strip-components=1`
}

interface Case {
  readonly fetch: Fetch
  readonly file: string
  readonly host: string
  /** The details of its file's line say it is so old. */
  readonly age: object
}

const [whole, byDate] = [/^(?:version|last-modified)$/, 'last-modified']
/** Each in a job of its own: what one hears the other must not know. */
const come: Readonly<Record<string, Case>> = {
  install: { fetch: install, file: 'busy@1.0.0', host: registry, age: { ageFrom: whole, published: longAgo } },
  ci: { fetch: ci, file: 'busy@1.0.0', host: registry, age: { ageFrom: byDate, published: longAgo } },
  short: { fetch: short, file: 'quiet@1.0.0', host: registry, age: { ageFrom: 'last-change', published: longAgo } },
  mirror: { fetch: ci, file: 'busy@1.0.0', host: mirror, age: { ageFrom: byDate, publishedBefore: longAgo } },
}
const tooYoung: Readonly<Record<string, Case>> = {
  install: { fetch: install, file: 'busy@2.0.0', host: registry, age: { ageFrom: whole, published: yesterday } },
  ci: { fetch: ci, file: 'busy@2.0.0', host: registry, age: { ageFrom: byDate } },
  short: { fetch: short, file: 'busy@2.0.0', host: registry, age: { ageFrom: byDate } },
}
const unknown: Case = { fetch: ci, file: 'busy@2.0.0', host: mirror, age: { ageFrom: byDate, age: 'unknown' } }

await t.test(
  'packages are as old as the policy wants, whatever npm asks about them',
  { skip: whyNoLab(['origins']) },
  async t => {
    await using lab = await openLab({ services: ['origins'] })
    for (const host of [registry, mirror]) {
      await lab.serve(host)
      await lab.origins.script(host, '*', npmRegistry(host, packages))
    }
    const allow = [`GET,HEAD https://${registry}/**`, `GET,HEAD https://${mirror}/**`]
    const attempt = async ({ fetch, file, host }: Case, unknownAge = '') => {
      const policy = blockPolicy(allow, `packages: { minimumAgeDays: 7${unknownAge} }\n`)
      const run = await runSteps(lab, { policy, steps: { fetch: fetch('app', file, host) }, timeoutMs: 60_000 })
      return {
        run,
        step: run.step('fetch'),
        isThere: existsSync(`${run.work}/app/node_modules/${file.replace(/@.*/, '')}/index.js`),
        files: run.lines.filter(({ details }) => details?.['purl'] === `pkg:npm/${file}`),
        alarms: run.lines.filter(({ event }) => event === 'anomaly').map(({ details }) => details?.['kind']),
      }
    }
    for (const [name, one] of Object.entries(come))
      for (const unknownAge of ['', ', unknownAge: deny'])
        await t.test(`${name} of what is old${unknownAge}`, async t => {
          const { step, isThere, files, alarms } = await attempt(one, unknownAge)
          t.equal(step.exitCode, 0, step.stderr)
          t.ok(isThere)
          t.match(files, [{ verdict: 'allow', status: 200, details: { ...one.age, sha256: String } }])
          t.equal(files[0]?.details?.['age'], undefined)
          t.same(alarms, [])
        })
    for (const [name, one] of Object.entries(tooYoung))
      await t.test(`${name} of what is young`, async t => {
        const { step, isThere, files, alarms, run } = await attempt(one)
        t.not(step.exitCode, 0)
        t.notOk(isThere)
        const rule = 'packages.minimumAgeDays 7'
        t.match(files, [{ verdict: 'deny', reason: 'denied-by-rule', rule, details: one.age }])
        t.equal(files[0]?.details?.['sha256'], undefined, 'nothing of it came in')
        t.same(alarms, ['package-too-young'])
        t.match(
          run.lines.find(({ event }) => event === 'anomaly')?.details?.['note'],
          /^pkg:npm\/busy@2\.0\.0 was published at \S+ \(.+\), less than 7 days ago/,
        )
      })
    await t.test('a mirror’s date shows that a file is old, not that it is young', async t => {
      const passed = await attempt(unknown)
      t.equal(passed.step.exitCode, 0, passed.step.stderr)
      t.match(passed.files, [{ verdict: 'allow', details: { ...unknown.age, publishedBefore: String } }])
      t.same(passed.alarms, [])
      const refused = await attempt(unknown, ', unknownAge: deny')
      t.not(refused.step.exitCode, 0)
      t.notOk(refused.isThere)
      t.match(refused.files, [{ verdict: 'deny', rule: 'packages.unknownAge', details: unknown.age }])
      t.same(refused.alarms, ['package-age-unknown'])
    })
  },
)

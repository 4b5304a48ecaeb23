import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import type { ScriptHandler } from '../lab/origin-log.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { itIsQuiet } from './quiet-build.ts'
import { makeRepository } from './source-repo.ts'
import { whyNoProgram } from './toolchain.ts'

t.setTimeout(240_000)

/** Bundler asks the one for the lists, and the other for files. */
const index = 'index.rubygems.org'
const registry = 'rubygems.org'

const gemspec = `Gem::Specification.new do |spec|
  spec.name = 'lab-gem'
  spec.version = '1.2.0'
  spec.summary = 'A gem of the lab'
  spec.authors = ['lab']
  spec.files = ['lib/lab_gem.rb']
end
`

const sources = {
  Gemfile: `source 'https://${registry}'\ngem 'lab-gem', '~> 1.0', require: 'lab_gem'\n`,
  'app.rb': "require 'bundler/setup'\nrequire 'lab_gem'\nputs LabGem::TEXT\n",
  '.gitignore': '/vendor/\n/.bundle/\n/Gemfile.lock\n',
}

/** https://guides.rubygems.org/rubygems-org-compact-index-api/, and the files. */
function gemServer(gem: Buffer): ScriptHandler {
  const sha256 = createHash('sha256').update(gem).digest('hex')
  const info = `---\n1.2.0 |checksum:${sha256}\n`
  const md5 = createHash('md5').update(info).digest('hex')
  const answers = new Map<string, string | Buffer>([
    ['/versions', `created_at: 2020-01-02T03:04:05Z\n---\nlab-gem 1.2.0 ${md5}\n`],
    ['/info/lab-gem', info],
    ['/names', '---\nlab-gem\n'],
    ['/gems/lab-gem-1.2.0.gem', gem],
  ])
  return ({ path }) => {
    const body = answers.get(path)
    if (body === undefined) return { status: 404, body: 'not found' }
    const etag = createHash('md5').update(body).digest('hex')
    const headers = [
      ['content-type', 'text/plain'],
      ['etag', `"${etag}"`],
      ['last-modified', 'Thu, 02 Jan 2020 03:04:05 GMT'],
    ] as const
    return { status: 200, headers, body }
  }
}

const why = whyNoLab(['origins']) || whyNoProgram('gem') || whyNoProgram('bundle')

await t.test('Bundler installs a gem, and nobody is alarmed', { skip: why }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  const made = lab.file('gem')
  mkdirSync(made)
  const files = { 'lab-gem.gemspec': gemspec, 'lib/lab_gem.rb': "module LabGem\n  TEXT = 'built'.freeze\nend\n" }
  await makeRepository(lab, made, files)
  const built = await lab.host.exec('gem', ['build', '-q', 'lab-gem.gemspec'], { cwd: made })
  t.equal(built.exitCode, 0, built.stderr)
  const gem = readFileSync(`${made}/lab-gem-1.2.0.gem`)
  for (const host of [index, registry]) {
    await lab.serve(host)
    await lab.origins.script(host, '*', gemServer(gem))
  }

  const workspace = lab.file('app')
  mkdirSync(workspace)
  await makeRepository(lab, workspace, sources)
  const runs = await itIsQuiet(t, {
    lab,
    name: 'ruby',
    allow: [index, registry].map(host => `GET,HEAD https://${host}/**`),
    workspace,
    script: `cd '${workspace}'; export BUNDLE_PATH=vendor/bundle; bundle install --retry 0; bundle exec ruby app.rb; bundle install --redownload`,
    fresh: ['vendor', '.bundle', 'Gemfile.lock'].map(name => `${workspace}/${name}`),
  })
  for (const run of runs) {
    t.match(run.stdout, 'built')
    const fetched = run.lines.filter(({ details }) => details?.['purl'] !== undefined)
    t.ok(fetched.length > 0)
    for (const { details, process } of fetched) {
      t.match(details, { purl: 'pkg:gem/lab-gem@1.2.0', promise: 'kept', ageFrom: 'last-modified' })
      t.match(process?.exe, /\/ruby[\d.]*$/)
    }
  }
})

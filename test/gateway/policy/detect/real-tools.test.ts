import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run } from '../../../../gateway/packet/run.ts'
import { detectNeeds, isWanted } from '../../../../gateway/policy/detect/detect.ts'
import { defaultBounds, readProject } from '../../../../gateway/policy/detect/project-files.ts'
import { type Detection, gatherFindings } from '../../../../gateway/policy/detect/render.ts'
import { thisMachine } from '../../../../gateway/policy/detect/this-machine.ts'

// What the installed tools really print, in a home of their own. None of these commands uses the network.

function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function unless(program: string): { readonly skip: string } | { readonly skip: false } {
  if (isInstalled(program)) return { skip: false }
  // Language tools are tested where a machine has them: nobody must install a JDK for this.
  return { skip: `not on this machine: ${program}` }
}

type Tree = NonNullable<Parameters<Test['testdir']>[0]>

async function detected(
  t: Test,
  project: Tree,
  home: Tree,
  env: Readonly<Record<string, string>> = {},
): Promise<Detection> {
  // Go leaves a process behind that counts, and writes there while the folder is being removed.
  const quiet = { '.config': { go: { telemetry: { mode: 'off' } } } }
  const folder = t.testdir({ project, home: Object.assign(quiet, home) })
  const signal = AbortSignal.timeout(60_000)
  const { root, files } = await readProject(join(folder, 'project'), isWanted, defaultBounds, signal)
  const machine = thisMachine({
    run,
    env: { PATH: process.env['PATH'], HOME: join(folder, 'home'), ...env },
    root,
    signal,
  })
  return gatherFindings(await detectNeeds(files, machine, () => undefined))
}

function rules({ allow }: Detection): readonly string[] {
  return allow.map(({ rule }) => rule).toSorted()
}

t.test('npm says its mirror, from the user settings', unless('npm'), async t => {
  const home = { '.npmrc': 'registry=https://npm.acme.test/repository/npm/\n@corp:registry=https://npm.corp.test/\n' }
  const found = await detected(t, { 'package.json': '{}' }, home)
  t.match(rules(found), [
    'GET,HEAD https://npm.acme.test/repository/npm/**',
    'GET,HEAD https://npm.corp.test/**',
    'POST https://npm.acme.test/repository/npm/-/npm/v1/security/advisories/bulk',
    'POST https://npm.acme.test/repository/npm/-/npm/v1/security/audits/quick',
  ])
  t.strictSame(found.notes, [])
})

t.test('npm hides a registry with a password, and it is found all the same, without it', unless('npm'), async t => {
  const home = { '.npmrc': 'registry=https://user:SECRET@npm.acme.test/\n' }
  const found = await detected(t, { 'package.json': '{}' }, home)
  t.ok(rules(found).includes('GET,HEAD https://npm.acme.test/**'))
  t.notMatch(JSON.stringify(found), 'SECRET')
})

t.test('npm with no settings says the registry that is built in', unless('npm'), async t => {
  const found = await detected(t, { 'package.json': '{}' }, {})
  t.match(found.allow[0], { tool: 'npm', rule: /^GET,HEAD https:\/\/\S+\/\*\*$/, places: [{ file: /^npm config/ }] })
})

t.test('npm takes its registry from the environment', unless('npm'), async t => {
  const found = await detected(t, { 'package.json': '{}' }, {}, { npm_config_registry: 'https://env.acme.test/npm/' })
  t.ok(rules(found).includes('GET,HEAD https://env.acme.test/npm/**'))
})

t.test('npm runs no code that the project names', unless('npm'), async t => {
  const folder = t.testdir({
    project: {
      'package.json': '{}',
      '.npmrc': 'node-options=--require=./evil.cjs\n',
      'evil.cjs': "require('fs').writeFileSync(__dirname + '/ran', '')",
    },
    home: {},
  })
  const signal = AbortSignal.timeout(60_000)
  const { root, files } = await readProject(join(folder, 'project'), isWanted, defaultBounds, signal)
  const env = { PATH: process.env['PATH'], HOME: join(folder, 'home'), NODE_OPTIONS: `--require=${root}/evil.cjs` }
  await detectNeeds(files, thisMachine({ run, env, root, signal }), () => undefined)
  t.throws(() => execFileSync('test', ['-e', join(root, 'ran')]))
})

t.test('pip says its index and the extra ones', unless('pip'), async t => {
  const conf =
    '[global]\nindex-url = https://user:SECRET@pypi.acme.test/simple\nextra-index-url =\n  https://a.acme.test/simple\n  https://b.acme.test/simple\n'
  const found = await detected(
    t,
    { 'requirements.txt': 'flask\n' },
    { '.config': { pip: { 'pip.conf': conf } } },
    { PIP_CONFIG_FILE: '' },
  )
  t.match(
    rules(found).filter(rule => rule.includes('acme.test')),
    [
      'GET,HEAD https://a.acme.test/simple/**',
      'GET,HEAD https://b.acme.test/simple/**',
      'GET,HEAD https://pypi.acme.test/simple/**',
    ],
  )
  t.notMatch(JSON.stringify(found), 'SECRET')
})

t.test('pip with no settings says the index that is built in', unless('pip'), async t => {
  const found = await detected(
    t,
    { 'requirements.txt': 'flask\n' },
    {},
    { PIP_INDEX_URL: '', PIP_CONFIG_FILE: '/dev/null' },
  )
  t.match(found.allow.at(0), { tool: 'python', rule: /^GET,HEAD https:\/\/\S+\/\*\*$/ })
})

t.test('go says its proxy, its checksum database and what is private', unless('go'), async t => {
  const env = {
    GOPROXY: 'https://user:SECRET@go.acme.test/proxy,direct',
    GOSUMDB: 'sum.acme.test',
    GOPRIVATE: 'git.acme.test',
  }
  const mod = 'module app\n\ngo 9.99\n\ntoolchain go9.99.9\n\nrequire git.acme.test/team/lib v1.0.0\n'
  const found = await detected(t, { 'go.mod': mod }, {}, env)
  t.strictSame(rules(found).slice(0, 2), [
    'GET https://git.acme.test/team/lib.git/info/refs',
    'GET https://git.acme.test/team/lib/info/refs',
  ])
  t.ok(rules(found).includes('GET,HEAD https://go.acme.test/proxy/**'))
  t.ok(rules(found).includes('GET,HEAD https://sum.acme.test/**'))
  t.notMatch(JSON.stringify(found), 'SECRET')
})

t.test('go with no settings says the proxy that is built in', unless('go'), async t => {
  const found = await detected(t, { 'go.mod': 'module app\n' }, {})
  t.ok(rules(found).length >= 1)
  t.ok(rules(found).every(rule => /^GET,HEAD https:\/\/\S+\/\*\*$/.test(rule)))
})

t.test('maven says the mirror of the user settings', unless('mvn'), async t => {
  const settings =
    '<settings><mirrors><mirror><mirrorOf>*</mirrorOf><url>https://user:SECRET@mvn.acme.test/maven/</url></mirror></mirrors></settings>'
  const found = await detected(t, { 'pom.xml': '<project/>' }, { '.m2': { 'settings.xml': settings } })
  t.strictSame(rules(found), ['GET,HEAD https://mvn.acme.test/maven/**'])
})

t.test('maven with no settings says the repository of its super POM', unless('mvn'), async t => {
  const found = await detected(t, { 'pom.xml': '<project/>' }, {})
  t.match(found.allow, [
    { tool: 'maven', rule: /^GET,HEAD https:\/\/\S+\/\*\*$/, places: [{ file: /of the installation$/ }] },
  ])
})

t.test(
  'cargo is installed and does not say its registry, so its settings and its home do',
  unless('cargo'),
  async t => {
    const lock =
      'version = 4\n\n[[package]]\nname = "x"\nversion = "1.0.0"\nsource = "registry+https://git.acme.test/index"\n'
    const bare = await detected(t, { 'Cargo.lock': lock }, {})
    t.match(bare, { allow: [], notes: [{ tool: 'cargo' }] })
    const config =
      '[source.crates-io]\nreplace-with = "m"\n[source.m]\nregistry = "sparse+https://cargo.acme.test/index/"\n'
    const home = {
      '.cargo': {
        'config.toml': config,
        registry: {
          index: { 'cargo.acme.test-0123456789abcdef': { 'config.json': '{"dl":"https://dl.acme.test/crates"}' } },
        },
      },
    }
    t.strictSame(rules(await detected(t, { 'Cargo.lock': lock }, home)), [
      'GET,HEAD https://cargo.acme.test/index/**',
      'GET,HEAD https://dl.acme.test/crates/**',
    ])
  },
)

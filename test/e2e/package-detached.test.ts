import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { npmRegistry, type OfferedPackage } from './npm-registry.ts'
import { runSteps } from './steps.ts'

t.setTimeout(240_000)

const registry = 'registry.npmjs.org'

/** Asks, and leaves a file that says that it has. */
const post = `const { request } = require('node:https')
const { writeFileSync } = require('node:fs')
const [, , name, mark] = process.argv
const told = () => writeFileSync(mark, '')
const call = request({ host: 'api.acme.test', path: '/echo/' + name, method: 'POST' }, answer => answer.resume().on('end', told))
call.on('error', told)
call.end('from a script')
`

/** With nothing of the script's environment but what it takes to reach the gateway. */
const clean = 'env -i PATH="$PATH" NODE_EXTRA_CA_CERTS="$NODE_EXTRA_CA_CERTS"'
/** Waits until npm has ended, and then for a while: whoever started it is long gone. */
const later = (name: string): string =>
  `until [ -e $WORK/npm-over ]; do sleep 0.1; done; sleep 0.2; exec node $PWD/post.js ${name} $WORK/done-${name}`
const now = (name: string): string => `exec node $PWD/post.js ${name} $WORK/done-${name}`
const quiet = '>/dev/null 2>&1 </dev/null'

const fork = `import os, sys
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
for fd in range(3): os.dup2(os.open('/dev/null', os.O_RDWR), fd)
keep = {name: os.environ[name] for name in ('PATH', 'NODE_EXTRA_CA_CERTS')}
os.execvpe('sh', ['sh', '-c', sys.argv[1]], keep)
`

/** What a postinstall script does to get away. Single quotes are for \`sh -c\` only. */
const detached = {
  'nohup-during': `nohup sh -c "${now('nohup-during')}" ${quiet} & sleep 1`,
  'nohup-after': `nohup sh -c "${later('nohup-after')}" ${quiet} &`,
  'setsid-during': `setsid sh -c "${now('setsid-during')}" ${quiet} & sleep 1`,
  'setsid-after': `setsid sh -c "${later('setsid-after')}" ${quiet} &`,
  'clean-during': `${clean} setsid sh -c "(${now('clean-during')}) & exit 0" ${quiet} & sleep 1`,
  'clean-after': `${clean} setsid sh -c "(${later('clean-after')}) & exit 0" ${quiet} &`,
  'forked-after': `python3 fork.py "${later('forked-after')}"`,
} as const
type Name = keyof typeof detached
const names: readonly Name[] = [
  'nohup-during',
  'nohup-after',
  'setsid-during',
  'setsid-after',
  'clean-during',
  'clean-after',
  'forked-after',
]

const packages = names.map((name): OfferedPackage => ({
  manifest: { name, version: '1.0.0', scripts: { postinstall: detached[name] } },
  files: [
    { path: 'post.js', content: post },
    { path: 'fork.py', content: fork },
  ],
}))

const npm = `npm install --no-audit --no-fund --no-update-notifier --fetch-retries 0 --registry https://${registry}/ --cache "$WORK/cache"`
const wait = (all: readonly string[]): string =>
  all.map(name => `until [ -e $WORK/done-${name} ]; do sleep 0.05; done`).join('; ')

const install = `export WORK; mkdir p && cd p && echo '{"name":"w","version":"1.0.0"}' >package.json && ${npm} ${names.join(' ')}; touch $WORK/npm-over; ${wait(names)}`
const build = JSON.stringify({
  name: 'w',
  version: '1.0.0',
  scripts: { build: `${clean} setsid sh -c "(${now('build')}) & exit 0" ${quiet} & sleep 1` },
})
const own = `mkdir own && cd own && cp ../p/node_modules/clean-after/post.js . && printf '%s' '${build}' >package.json && npm run build
${clean} WORK="$WORK" setsid sh -c '(exec node "$PWD/post.js" own "$WORK/done-own") & exit 0' ${quiet} &
${wait(['build', 'own'])}`

const policy = (mode: 'audit' | 'block'): string => `version: 1
mode: ${mode}
allow:
  - GET,HEAD https://${registry}/**
  - POST https://api.acme.test/**
packages:
  installScripts: deny
`

await t.test('I5: install scripts that cut themselves off', { skip: whyNoLab(['origins']) }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  await lab.serve(registry)
  await lab.origins.script(registry, '*', npmRegistry(registry, packages))

  for (const mode of ['block', 'audit'] as const)
    await t.test(`in ${mode}`, async t => {
      await lab.origins.clear()
      const run = await runSteps<string>(lab, {
        policy: policy(mode),
        steps: { install, own },
        stepSeconds: 60,
        timeoutMs: 150_000,
      })
      t.equal(run.step('install').exitCode, 0, run.step('install').stderr)
      t.equal(run.step('own').exitCode, 0, run.step('own').stderr)
      for (const name of names) {
        const line = run.lines.find(({ path }) => path === `/echo/${name}`)
        t.match(
          line,
          { verdict: mode === 'block' ? 'deny' : 'observe', reason: 'denied-by-rule', process: { pid: Number } },
          name,
        )
        t.match(line?.rule, /^packages\.installScripts (?:npm \S+@1\.0\.0|a package of npm)$/, name)
      }
      const posts = await lab.origins.requests({ host: 'api.acme.test' })
      t.same(
        posts.map(({ path }) => path).toSorted(),
        (mode === 'block' ? ['build', 'own'] : [...names, 'build', 'own']).map(name => `/echo/${name}`).toSorted(),
        'what no installation has started is let pass, cut off as it is',
      )
      for (const name of ['build', 'own'])
        t.notMatch(
          run.lines.find(({ path }) => path === `/echo/${name}`),
          { rule: /installScripts/ },
          name,
        )
    })
})

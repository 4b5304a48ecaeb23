import { readdirSync } from 'node:fs'
import t from 'tap'
import { decide } from '../../../gateway/policy/decide.ts'
import type { Destination } from '../../../gateway/policy/decision.ts'
import { parsePolicy, parsePolicyDocument } from '../../../gateway/policy/document-parse.ts'
import { lint } from '../../../gateway/policy/lint.ts'
import { loadPolicy, loadPolicyDocument, readUse } from '../../../gateway/policy/load.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import { presetNames, readPreset } from '../../../gateway/policy/presets/preset.ts'
import { sharedTenants } from '../../../gateway/policy/lint-tables.ts'
import { containsPattern } from '../../../gateway/policy/match-parts.ts'
import { connection, name, request } from './sample.ts'

function using(preset: string, mode = 'block'): string {
  return `version: 1\nmode: ${mode}\nuse: [${preset}]\n`
}

function policyUsing(preset: string): Policy {
  return parsePolicy(using(preset), 'p.yaml', readUse)
}

for (const preset of presetNames) {
  t.test(`preset ${preset}: parses without errors, under each way of inspecting it is made for`, async t => {
    const { findings, rules } = parsePolicyDocument(using(preset), 'p.yaml', readUse)
    t.same(findings, [])
    t.ok(rules.length > 0)
  })

  t.test(`preset ${preset}: no rule makes another needless, and every shared tenant is tagged`, async t => {
    const text = readPreset(preset)?.text ?? ''
    const document = parsePolicyDocument(using('own.yaml'), 'p.yaml', () => ({
      file: 'own.yaml',
      text,
      isPreset: true,
    }))
    const needless = lint(document).filter(
      ({ code }) => code === 'SHADOWED' || code === 'NEVER_MATCHES' || code === 'ROOT_ONLY',
    )
    t.same(needless, [])
    for (const rule of document.rules) {
      const { host } = rule
      const isShared =
        host.kind === 'name' &&
        sharedTenants.some(({ host: known }) => containsPattern(host.labels, known.split('.'), false))
      if (rule.effect === 'allow' && rule.path === undefined && isShared) t.equal(rule.tenants, 'shared', rule.text)
    }
  })

  t.test(`preset ${preset}: names the source and the commit of its facts`, async t => {
    const text = readPreset(preset)?.text ?? ''
    if (preset === 'known-exfiltration') t.match(text, 'there is no list to copy')
    else t.match(text, /@[0-9a-f]{40}/)
  })
}

t.test('readPreset(): every file of the folder is a preset, and every preset is a file', async t => {
  const folder = new URL('../../../gateway/policy/presets/', import.meta.url)
  const files = readdirSync(folder).filter(file => file.endsWith('.yaml'))
  t.same(files.toSorted(), presetNames.map(preset => `${preset}.yaml`).toSorted())
  t.equal(readPreset('../policy'), undefined)
})

const readOnly = ['nuget', 'rubygems', 'docker-hub', 'ghcr', 'ubuntu', 'alpine', 'playwright', 'terraform']
for (const preset of readOnly) {
  t.test(`preset ${preset}: A2: reads, and cannot publish`, async t => {
    for (const rule of parsePolicyDocument(using(preset), 'p.yaml', readUse).rules) {
      t.equal(rule.effect, 'allow')
      t.same(rule.methods, ['GET', 'HEAD'], rule.text)
    }
  })
}

const flows: readonly [string, string, Destination, string][] = [
  [
    'a pull of an image',
    'docker-hub',
    request('GET https://registry-1.docker.io/v2/library/alpine/manifests/latest'),
    'allow',
  ],
  ['its token', 'docker-hub', request('GET https://auth.docker.io/token'), 'allow'],
  ['its layers', 'docker-hub', request('GET https://production.cloudfront.docker.com/registry-v2/x'), 'allow'],
  [
    'A2: an upload to where layers are',
    'docker-hub',
    request('PUT https://production.cloudfront.docker.com/x'),
    'deny',
  ],
  [
    'the bucket that Docker’s list names no more',
    'docker-hub',
    name('docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com'),
    'deny',
  ],
  [
    'A2: a push of an image',
    'docker-hub',
    request('PUT https://registry-1.docker.io/v2/evil/x/manifests/latest'),
    'deny',
  ],
  ['a pull from ghcr', 'ghcr', request('HEAD https://ghcr.io/v2/acme/tool/manifests/1'), 'allow'],
  ['A2: an upload to ghcr', 'ghcr', request('POST https://ghcr.io/v2/acme/tool/blobs/uploads/'), 'deny'],
  ['a fetch by git', 'github-runner', request('POST https://github.com/acme/tool.git/git-upload-pack'), 'allow'],
  ['A1: a push by git', 'github-runner', request('POST https://github.com/evil/drop.git/git-receive-pack'), 'deny'],
  ['A1: a gist', 'github-runner', request('POST https://api.github.com/gists'), 'deny'],
  ['A1: a GraphQL mutation', 'github-runner', request('POST https://api.github.com/graphql'), 'deny'],
  ['the queue of jobs', 'github-runner', request('POST https://pipelines.actions.githubusercontent.com/x'), 'allow'],
  [
    'the results of a job',
    'github-runner',
    request('PUT https://productionresultssa7.blob.core.windows.net/x'),
    'allow',
  ],
  ['another account for results', 'github-runner', name('evil.blob.core.windows.net'), 'deny'],
  [
    'the queue of Azure Pipelines',
    'azure-pipelines-agent',
    request('POST https://dev.azure.com/acme/_apis/x'),
    'allow',
  ],
  ['many labels below', 'azure-pipelines-agent', connection('a.b.vssps.visualstudio.com'), 'allow'],
  ['the archive over http', 'ubuntu', request('GET http://azure.archive.ubuntu.com/ubuntu/dists/x'), 'allow'],
  ['a request catcher', 'known-exfiltration', name('webhook.site'), 'deny'],
  ['a request catcher below', 'known-exfiltration', name('data.webhook.site'), 'deny'],
  ['a tunnel', 'known-exfiltration', connection('x.ngrok-free.app', 8443), 'deny'],
  ['Burp Collaborator over DNS', 'known-exfiltration', name('a.b.c.oastify.com'), 'deny'],
  ['a bot', 'known-exfiltration', request('POST https://api.telegram.org/bot1/sendMessage'), 'deny'],
]
for (const [title, preset, destination, verdict] of flows) {
  t.test(`preset ${preset}: ${title}: ${verdict}`, async t => {
    t.equal(decide(policyUsing(preset), destination).verdict, verdict)
  })
}

t.test('preset known-exfiltration: holds in audit mode, and leaves what only tells an address alone', async t => {
  const audit = parsePolicy(using('known-exfiltration', 'audit'), 'p.yaml', readUse)
  t.match(decide(audit, name('x.webhook.site')), { verdict: 'deny', reason: 'forbidden' })
  t.match(decide(audit, name('ipify.test')), { verdict: 'observe' })
})

t.test('preset known-exfiltration: works under every way of inspecting', async t => {
  for (const inspect of ['all', 'rules', 'none']) {
    const { findings } = parsePolicyDocument(
      `${using('known-exfiltration')}tls: { inspect: ${inspect} }\n`,
      'p.yaml',
      readUse,
    )
    t.same(findings, [], inspect)
  }
})

t.test('preset known-exfiltration: each entry says why', async t => {
  for (const rule of parsePolicyDocument(using('known-exfiltration'), 'p.yaml', readUse).rules) {
    t.equal(rule.effect, 'forbid')
    t.ok(rule.note !== undefined && rule.note.length > 3, rule.text)
  }
})

const examples = new URL('../../../examples/policies/', import.meta.url)
for (const file of readdirSync(examples).filter(each => each.endsWith('.yaml'))) {
  t.test(`example ${file}: parses, and raises no doubt but about shared tenants`, async t => {
    const path = new URL(file, examples).pathname
    await loadPolicy(path)
    const codes = lint(await loadPolicyDocument(path)).map(({ code }) => code)
    t.same(
      codes.filter(code => code !== 'SHARED_TENANT'),
      [],
    )
  })
}

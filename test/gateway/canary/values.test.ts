import t from 'tap'
import { makeDecoys } from '../../../gateway/canary/decoys.ts'
import { anchorLength, checksum, placeName } from '../../../gateway/canary/values.ts'
import { patternsOf, patternsOfNames } from '../../../gateway/canary/encodings.ts'
import { canaryOf, decoys } from './canaries.ts'

const forms: Readonly<Record<string, RegExp>> = {
  PROD_AWS_ACCESS_KEY_ID: /^AKIA[A-Z2-7]{16}$/,
  PROD_AWS_SECRET_ACCESS_KEY: /^[A-Za-z0-9/+]{40}$/,
  DEPLOY_GITHUB_TOKEN: /^ghp_[A-Za-z0-9]{36}$/,
  RELEASE_NPM_TOKEN: /^npm_[A-Za-z0-9]{36}$/,
  PROD_AZURE_CLIENT_SECRET: /^[A-Za-z0-9]{3}\dQ~[A-Za-z0-9]{34}$/,
  BACKUP_STORAGE_ACCOUNT_KEY: /^[A-Za-z0-9]{85}[AQgw]==$/,
  DEPLOY_PASSWORD: /^[A-Za-z0-9]{32}$/,
}

t.test('makeDecoys(): each credential has the form that its issuer gives it', async t => {
  t.same(new Set(Object.keys(decoys.environment)), new Set(Object.keys(forms)))
  for (const [name, form] of Object.entries(forms)) t.match(decoys.environment[name], form, name)
  t.equal(Buffer.from(canaryOf('BACKUP_STORAGE_ACCOUNT_KEY').value, 'base64').length, 64)
})

t.test('checksum(): is that of a token which its issuer published as an example', async t => {
  // The revoked token of a public article on GitHub's checksums.
  t.equal(checksum('zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ'), '0mLq17')
  for (const name of ['DEPLOY_GITHUB_TOKEN', 'RELEASE_NPM_TOKEN']) {
    const { value } = canaryOf(name)
    t.equal(checksum(value.slice(4, 34)), value.slice(34), name)
  }
})

t.test('makeDecoys(): the same seed gives the same, another seed nothing of it', async t => {
  const [a, b, c] = [Buffer.alloc(32, 1), Buffer.alloc(32, 1), Buffer.alloc(32, 2)].map(makeDecoys)
  t.same(a, b)
  const texts = new Set(a?.canaries.flatMap(({ anchors }) => anchors))
  t.same(
    c?.canaries.flatMap(({ anchors }) => anchors).filter(anchor => texts.has(anchor)),
    [],
  )
})

t.test('anchors: random parts of the value, letters and digits only, and no two canaries share one', async t => {
  const all = decoys.canaries.flatMap(({ anchors }) => anchors)
  t.equal(new Set(all).size, all.length)
  for (const { place, form, value, anchors } of decoys.canaries) {
    const name = `${placeName(place)} ${form}`
    t.ok(anchors.length >= 2, name)
    for (const anchor of anchors) {
      t.match(anchor, /^[A-Za-z0-9]{12}$/, name)
      t.equal(anchor.length, anchorLength)
      t.ok(value.includes(anchor), name)
    }
    t.notOk(/^(?:AKIA|ghp_|npm_)/.test(anchors[0] ?? ''), 'not the part that every such token has')
  }
})

t.test('decoys: no variable that a tool of a build reads, and no place that one asks', async t => {
  const read =
    /^(?:AWS_|AZURE_|ARM_|GITHUB_|GH_|GITLAB_|NPM_|NODE_AUTH_TOKEN|npm_config_|NUGET_|PIP_|UV_|TWINE_|CARGO_|GIT_|DOCKER_|GOOGLE_|CLOUDSDK_|TF_|ACTIONS_|SYSTEM_)/i
  t.same(
    Object.keys(decoys.environment).filter(name => read.test(name)),
    [],
  )
  const text = decoys.files.map(file => file.text).join('\n')
  t.notMatch(text, /\[default\]/)
  for (const [host] of text.matchAll(/(?<=@|\/\/)[a-z.]+(?=\/|$)/gm)) t.match(host, /\.example$/)
})

t.test('patterns: none is shorter than twelve octets, and none belongs to two canaries', async t => {
  for (const patterns of [patternsOf(decoys.canaries), patternsOfNames(decoys.canaries)]) {
    const owners = new Map<string, string>()
    for (const { bytes, canary } of patterns) {
      t.ok(bytes.length >= 12)
      const owner = `${placeName(canary.place)} ${canary.form}`
      const text = bytes.toString('latin1')
      if (owners.has(text) && owners.get(text) !== owner) t.fail(`${text} is of ${owner} and ${owners.get(text)}`)
      owners.set(text, owner)
    }
  }
})

import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { blockPolicy } from './behind.ts'
import { alarmsOf, componentsOf, filesOf } from './inputs.ts'
import { imageServer, makeImage } from './oci-registry.ts'
import { runSteps } from './steps.ts'
import { whyNoProgram } from './toolchain.ts'

t.setTimeout(120_000)

const hosts = { registry: 'registry.acme.test', tokens: 'auth.acme.test', blobs: 'blobs.acme.test' }
const allow = Object.values(hosts).map(host => `GET,HEAD https://${host}/**`)
const image = makeImage('acme/base', '1.0')
const repository = encodeURIComponent(`${hosts.registry}/acme/base`)
const [list, manifest] = [
  `pkg:oci/base@${image.list.digest}?repository_url=${repository}&tag=1.0`,
  `pkg:oci/base@${image.manifest.digest}?repository_url=${repository}`,
]
const copy = `skopeo copy --insecure-policy docker://${hosts.registry}/acme/base:1.0 dir:out && ls out`

const hexOf = (digest: string): string => digest.slice('sha256:'.length)

await t.test(
  'skopeo copies an image from a registry with tokens, and pieces on another host',
  { skip: whyNoLab(['origins']) || whyNoProgram('skopeo') },
  async t => {
    await using lab = await openLab({ services: ['origins'] })
    for (const host of Object.values(hosts)) {
      await lab.serve(host)
      await lab.origins.script(host, '*', imageServer(hosts, image))
    }

    await t.test('what came in is recorded: the list behind the tag, the image of it, and its pieces', async t => {
      const run = await runSteps(lab, { policy: blockPolicy(allow, 'packages: {}\n'), steps: { copy } })
      t.match(run.step('copy').stdout, hexOf(image.layer.digest), run.step('copy').stderr)
      t.strictSame(
        componentsOf(run),
        [`${list} ${hexOf(image.list.digest)}`, `${manifest} ${hexOf(image.manifest.digest)}`].toSorted(),
      )
      for (const line of filesOf(run))
        t.match(line, { verdict: 'allow', details: { promise: 'kept' }, process: { exe: /\/skopeo$/ } })
      const pieces = run.lines.filter(({ host, layer }) => host === hosts.blobs && layer === 'http')
      t.strictSame(
        pieces.map(({ details }) => String(details?.['sha256'])).toSorted(),
        [image.config, image.layer].map(({ digest }) => hexOf(digest)).toSorted(),
      )
      for (const { details } of pieces)
        t.match(details, { describes: 'pkg:oci/base', registry: hosts.registry, promise: 'kept' })
      t.strictSame(alarmsOf(run), [])
    })

    await t.test('a tag, or the image that it leads to, is denied', async t => {
      for (const [denied, rest] of [
        ['1.0', []],
        [image.manifest.digest, [`${list} ${hexOf(image.list.digest)}`]],
      ] as const) {
        const deny = `pkg:oci/base@${denied}`
        const policy = blockPolicy(allow, `packages: { deny: ['${deny}'] }\n`)
        const run = await runSteps(lab, { policy, steps: { copy } })
        t.not(run.step('copy').exitCode, 0)
        t.match(run.step('copy').stderr, /403|denied|forbidden/i)
        t.strictSame(
          new Set(run.lines.filter(({ verdict }) => verdict === 'deny').map(({ rule }) => rule)),
          new Set([`packages.deny[0] ${deny}`]),
        )
        t.strictSame(componentsOf(run), rest)
      }
    })

    await t.test('a layer that is not what its digest says does not come in whole', async t => {
      await lab.origins.script(hosts.blobs, `/store/${image.layer.digest}`, {
        status: 200,
        body: Buffer.alloc(image.layer.bytes.length, 'x'),
      })
      const run = await runSteps(lab, { policy: blockPolicy(allow, 'packages: {}\n'), steps: { copy } })
      t.not(run.step('copy').exitCode, 0)
      t.match(alarmsOf(run), [/^digest-mismatch pkg:oci\/base/])
      t.match(
        run.lines.filter(({ details }) => details?.['promise'] === 'broken'),
        [{ host: hosts.blobs, rule: /^packages: digest of pkg:oci\/base/ }],
      )
    })
  },
)

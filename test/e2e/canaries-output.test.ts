import { statSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { tidegate } from './behind.ts'
import { audit, block, decoysOf, job, services, sightings } from './canary-job.ts'

t.setTimeout(240_000)
const skip = whyNoLab(services)

t.test('what the command prints is passed on as it is, and looked through', { skip }, async t => {
  await using lab = await openLab({ services })
  for (const [mode, policy] of [
    ['block', block],
    ['audit', audit],
  ] as const) {
    const run = await job(
      lab,
      policy,
      'printf "a\\000b\\377"; echo error >&2; printenv DEPLOY_PASSWORD | base64 -w0 | base64 -w0; exit 7',
    )
    t.equal(run.exitCode, 7)
    const { environment } = decoysOf(run.out)
    const twice = Buffer.from(Buffer.from(`${environment['DEPLOY_PASSWORD']}\n`).toString('base64')).toString('base64')
    t.same(run.stdoutBytes, Buffer.concat([Buffer.from([97, 0, 98, 255]), Buffer.from(twice)]))
    t.match(run.stderr, /^error$/m)
    const [seen] = sightings(run.lines)
    t.match(seen, { subject: 'DEPLOY_PASSWORD', note: /in what the command printed \(base64 twice\)/ })
    t.equal(/no network any more/.test(seen?.note ?? ''), mode === 'block')
    t.equal(statSync(`${run.out}/canaries.json`).mode & 0o777, 0o600)

    const log = lab.file(`log-${mode}`)
    writeFileSync(log, `2026-11-23T00:00:00Z run\n${twice}\n`)
    const args = ['scan-log', log, '--canaries', `${run.out}/canaries.json`]
    const scanned = await lab.host.exec(tidegate, args)
    t.equal(scanned.exitCode, 1, scanned.stderr)
    t.match(scanned.stdout, /DEPLOY_PASSWORD.*base64 twice/)
    writeFileSync(log, 'nothing here\n')
    t.equal((await lab.host.exec(tidegate, args)).exitCode, 0)
    t.equal((await lab.host.exec(tidegate, ['scan-log', lab.file('none')])).exitCode, 2)
  }
})

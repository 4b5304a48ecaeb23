// A disk that fills up while a job runs, and has room again later.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { fillDisk } from '../lab/full-disk.ts'
import { openLab, type Lab } from '../lab/lab.ts'
import { runChecked } from '../lab/program.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { leftBehind } from '../netns/left-behind.ts'
import { startRun } from '../netns/live-run.ts'
import { until } from '../netns/machine-services.ts'
import { auditPolicy, blockPolicy, tidegate } from './behind.ts'

t.setTimeout(120_000)
const skip = whyNoLab()

/** A disk of 256 KiB for a record, that tests fill. */
async function openSmallDisk(
  lab: Lab,
  name: string,
): Promise<AsyncDisposable & { readonly path: string; fill(): void; empty(): void }> {
  const path = lab.file(name)
  mkdirSync(path)
  await runChecked('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tidegate-test', path])
  const filler = `${path}/filler`
  return {
    path,
    fill: () => fillDisk(filler),
    empty: () => rmSync(filler),
    [Symbol.asyncDispose]: async () => void (await runChecked('umount', [path])),
  }
}

/** Asks until a file says to go on: each answer's status is a line of `$WORK/NAME`. */
function asking(name: string): string {
  return `while [ ! -e $WORK/${name}.end ]; do curl -sm5 -o /dev/null -w '%{http_code}\\n' http://api.acme.test/status/204 >>$WORK/${name}; done`
}

const job = ['sh', '-c', `${asking('before')}; ${asking('full')}; ${asking('after')}; exit 7`] as const

for (const [mode, policy, code] of [
  ['block', blockPolicy(['http://api.acme.test']), 125],
  ['audit', auditPolicy, 7],
] as const) {
  t.test(
    `${mode}: a full disk ${mode === 'block' ? 'refuses what is new' : 'stops nothing'}, and is reported`,
    { skip },
    async t => {
      await using lab = await openLab()
      await using disk = await openSmallDisk(lab, 'disk')
      const run = startRun(lab, {
        policy,
        command: [...job],
        options: ['--out', `${disk.path}/out`, '--metrics', '127.0.0.1:9464'],
      })
      const metric = async (pattern: RegExp): Promise<boolean> =>
        pattern.test((await lab.host.exec('curl', ['-sm5', 'http://127.0.0.1:9464/metrics'])).stdout)
      const answered = async (name: string, status: RegExp): Promise<void> => {
        await run.made(name)
        const seen = run.read(name).split('\n').length
        await until(() => status.test(run.read(name).split('\n').slice(seen).join('\n')))
        writeFileSync(`${run.work}/${name}.end`, '')
      }
      await answered('before', /^204$/m)
      disk.fill()
      await until(() => metric(/^tidegate_log_failures_total [1-9]/m))
      await answered('full', mode === 'block' ? /^(000|403)$/m : /^204$/m)
      t.equal(
        await metric(new RegExp(`^tidegate_enforcing\\{[^}]*mode="${mode}"[^}]*\\} 0|reason="log-failure"`, 'm')),
        true,
      )
      disk.empty()
      await answered('after', /^204$/m)
      const { code: ended, stderr } = await run.ended
      t.equal(ended, code, stderr)
      t.match(stderr, /^tidegate: the log cannot be written: /m)
      const lines = await lab.host.exec('cat', [`${disk.path}/out/egress.ndjson`])
      t.match(
        lines.stdout,
        /"event":"anomaly".*"kind":"log-failure"/,
        'the log says what is missing, where it is missing',
      )
      const verified = await lab.host.exec(tidegate, ['verify', `${disk.path}/out/egress.ndjson`])
      t.equal(verified.exitCode, 0, verified.stderr)
      if (mode === 'block') t.match(lines.stdout, /"reason":"log-failure"/)
      t.equal(await leftBehind(lab), '')
    },
  )
}

t.test('block: a disk that stays full ends the run with 125, and says that the log is not whole', { skip }, async t => {
  await using lab = await openLab()
  await using disk = await openSmallDisk(lab, 'disk')
  const run = startRun(lab, {
    policy: blockPolicy(['http://api.acme.test']),
    command: ['sh', '-c', `${asking('before')}; exit 0`],
    options: ['--out', `${disk.path}/out`],
  })
  await run.made('before')
  disk.fill()
  await until(() => /^(000|403)$/m.test(run.read('before')))
  writeFileSync(`${run.work}/before.end`, '')
  const { code, stderr } = await run.ended
  t.equal(code, 125, stderr)
  t.notMatch(stderr, /intact and sealed|internal error/)
  t.equal(await leftBehind(lab), '')
})

// What a command writes is carried by us when somebody looks at it: nothing of it may change.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import type { Lab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { auditPolicy, tidegate } from './behind.ts'

t.setTimeout(240_000)
const skip = whyNoLab()
let runs = 0

/** `tidegate run` of a shell script with canaries, as words of a shell. */
function command(lab: Lab, script: string, options = ''): string {
  runs += 1
  const file = lab.file(`script-${runs}.sh`)
  writeFileSync(file, `${script}\n`)
  writeFileSync(lab.file('policy.yaml'), `${auditPolicy}canaries: true\n`)
  return `'${tidegate}' run --policy '${lab.file('policy.yaml')}' --out '${lab.file(`out-${runs}`)}' ${options} -- sh '${file}'`
}

t.test('what a command writes is passed on byte by byte', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const sh = (line: string) => lab.host.exec('bash', ['-o', 'pipefail', '-c', line], { cwd: lab.dir })

  const million = `head -c 50000000 /dev/zero | openssl enc -aes-128-ctr -K 0 -iv 0 2>/dev/null`
  const [direct, carried] = [
    await sh(`${million} | sha256sum`),
    await sh(`${command(lab, million)} 2>/dev/null | sha256sum`),
  ]
  t.equal(carried.stdout, direct.stdout, '50 MB')

  const interleaved = 'for i in $(seq 2000); do echo out $i; echo err $i >&2; done'
  const expected = Array.from({ length: 2_000 }, (_, at) => `out ${at + 1}\nerr ${at + 1}\n`).join('')
  const both = await sh(`${command(lab, interleaved)} 2>&1`)
  t.ok(both.stdout.startsWith(expected), 'output and error in one file keep their order')
  const apart = await sh(command(lab, interleaved))
  t.equal(apart.stdout, expected.replaceAll(/^err.*\n/gm, ''))
  t.ok(apart.stderr.startsWith(expected.replaceAll(/^out.*\n/gm, '')))

  const file = lab.file('to-a-file')
  t.equal(
    (
      await sh(
        `${command(lab, 'echo one; echo two >/dev/stdout; echo three >/dev/stderr')} >'${file}' 2>&1; cat '${file}'`,
      )
    ).stdout.slice(0, 14),
    'one\ntwo\nthree\n',
  )
  const nobody = await sh(command(lab, 'id -u; echo opened >/dev/stdout', '--user 65534:65534'))
  t.equal(nobody.stdout, '65534\nopened\n', 'another user may open its own output')
  t.equal((await sh(command(lab, 'exec >&- 2>&-; exit 9'))).exitCode, 9, 'a command without output')
  t.equal((await sh(`${command(lab, 'kill -TERM $$')} 2>/dev/null`)).exitCode, 143)
  const input = await lab.host.exec('sh', ['-c', command(lab, 'cat')], { input: Buffer.from('from outside') })
  t.equal(input.stdout, 'from outside', 'standard input is the command’s own')
})

t.test('the last words of a command are passed on, and who outlives it is not waited for', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const script = 'sleep 600 & head -c 60000 /dev/zero | tr "\\\\0" x; echo last'
  const run = await lab.host.exec('sh', ['-c', `${command(lab, script)} 2>/dev/null`])
  t.equal(run.exitCode, 0)
  t.equal(run.stdout, `${'x'.repeat(60_000)}last\n`)
})

t.test('a reader that is gone is the command’s to find out, and none of ours', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const run = await lab.host.exec('bash', [
    '-c',
    `${command(lab, 'yes; echo $? >"$HOME/status"')} 2>/dev/null | head -1; cat "$HOME/status"`,
  ])
  t.match(run.stdout, /^y\n(?:141|1)\n$/, 'SIGPIPE, or EPIPE')
  t.notOk(run.timedOut)
})

t.test('a reader that stops stops the command, and nothing is kept for it', { skip }, async t => {
  await using lab = await openLab()
  const script = [
    'i=0; while [ $i -lt 400 ]; do head -c 100000 /dev/zero; i=$((i + 1)); echo $i >"$HOME/progress"; done &',
    // The gateway serves the job while its output stands still.
    'curl -sS --fail --retry 3 -o /dev/null https://api.acme.test/status/200 && touch "$HOME/served"; wait',
  ]
  const child = lab.host.spawn('sh', ['-c', `exec ${command(lab, script.join('\n'))}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { HOME: lab.dir },
  })
  const { stdout } = child
  if (stdout === null) throw new Error('no output')
  await lab.origins.next({ path: '/status/200' }, 20_000)
  const progress = await lab.host.exec('cat', [lab.file('progress')])
  t.ok(Number(progress.stdout || '0') < 30, `${progress.stdout} of 400 pieces were taken before anybody read`)
  const sum = createHash('sha256')
  for await (const part of stdout) sum.update(part)
  if (child.exitCode === null) await once(child, 'exit')
  t.equal(child.exitCode, 0)
  t.equal(sum.digest('hex'), createHash('sha256').update(Buffer.alloc(40_000_000)).digest('hex'))
})

t.test('a terminal stays the command’s, and that is said', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const run = await lab.host.exec('script', [
    '-qec',
    command(lab, 'test -t 1 && test -t 2 && echo a terminal'),
    '/dev/null',
  ])
  t.equal(run.exitCode, 0, run.stdout)
  t.match(run.stdout, /a terminal/)
  t.match(run.stdout, /is not looked through/)
})

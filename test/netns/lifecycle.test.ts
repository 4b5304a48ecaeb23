// How a run ends, and what it leaves.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { auditPolicy, blockPolicy, tidegate } from '../e2e/behind.ts'
import { openLab } from '../lab/lab.ts'
import type { Lab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { leftBehind } from './left-behind.ts'
import { startRun } from './live-run.ts'
import { until } from './machine-services.ts'

t.setTimeout(150_000)
const skip = whyNoLab()
const policy = blockPolicy(['https://api.acme.test'])

/** Runs a command to its end; `options` stand before `--`. */
async function run(
  lab: Lab,
  command: readonly string[],
  further: {
    options?: readonly string[]
    cwd?: string
    input?: Uint8Array
    env?: Readonly<Record<string, string>>
  } = {},
) {
  const { options = [], ...rest } = further
  writeFileSync(lab.file('policy.yaml'), policy)
  const args = ['run', '--policy', lab.file('policy.yaml'), '--out', lab.file('out'), ...options, '--', ...command]
  return lab.host.exec(tidegate, args, rest)
}

t.test('the exit code is the command’s, as under a shell', { skip }, async t => {
  await using lab = await openLab()
  const plain = lab.file('plain')
  writeFileSync(plain, 'true\n')
  const script = lab.file('script')
  writeFileSync(script, '#!/nonexistent/interpreter\n')
  chmodSync(script, 0o755)
  const cases: readonly (readonly [
    sentence: string,
    code: number,
    command: readonly string[],
    options?: readonly string[],
  ])[] = [
    ['success', 0, ['true']],
    ['failure', 1, ['false']],
    ['any other code', 77, ['sh', '-c', 'exit 77']],
    ['a code that is one of ours', 125, ['sh', '-c', 'exit 125']],
    ['a signal', 143, ['sh', '-c', 'kill -TERM $$']],
    ['a signal that cannot be caught', 137, ['sh', '-c', 'kill -KILL $$']],
    ['a crash', 139, ['sh', '-c', 'kill -SEGV $$']],
    ['a command that does not exist', 127, ['tidegate-no-such-command']],
    ['a path that does not exist', 127, ['/nonexistent/tool']],
    ['a file that cannot be executed', 126, [plain]],
    ['a folder', 126, [lab.dir]],
    ['a script whose interpreter is missing', 127, [script]],
    ['a refusal, when it does not matter', 0, ['sh', '-c', 'curl -sm5 https://evil.test; true']],
    ['a refusal, when it does', 3, ['sh', '-c', 'curl -sm5 https://evil.test; exit 5'], ['--fail-on-deny']],
    ['no refusal', 5, ['sh', '-c', 'exit 5'], ['--fail-on-deny']],
  ]
  for (const [sentence, code, command, options] of cases) {
    const { exitCode, stderr } = await run(lab, command, { options: options ?? [] })
    t.equal(exitCode, code, `${sentence}: ${stderr.slice(0, 300)}`)
  }
  t.equal(await leftBehind(lab), '')
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  t.test(`${signal} goes to the command, and the record is sealed`, { skip }, async t => {
    await using lab = await openLab({ services: [] })
    const number = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal]
    const name = signal.slice(3)
    const dies = startRun(lab, { policy, command: ['sh', '-c', 'touch $WORK/up; exec sleep 600'] })
    const handles = startRun(lab, {
      policy,
      command: [
        'sh',
        '-c',
        `trap 'echo ${name} >$WORK/got; exit 9' ${name}; touch $WORK/up; while :; do sleep 0.05; done`,
      ],
    })
    await Promise.all([dies.made('up'), handles.made('up')])
    dies.kill(signal)
    handles.kill(signal)
    t.equal((await dies.ended).code, 128 + number)
    t.equal((await handles.ended).code, 9)
    t.equal(handles.read('got'), `${name}\n`)
    for (const it of [dies, handles]) t.equal(it.lines().at(-1)?.event, 'sealed')
    t.equal(await leftBehind(lab), '')
  })
}

t.test('a signal before the command was started ends the run, and nothing stays', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  // At several moments of the start: it is the same code that tidies up, from wherever it was.
  for (const stop of ['egress.ndjson', 'wire'] as const) {
    const it = startRun(lab, { policy, command: ['sh', '-c', 'touch $WORK/started; exec sleep 600'] })
    await until(async () => {
      if (stop === 'egress.ndjson')
        return (await lab.host.exec('test', ['-e', `${it.out}/egress.ndjson`])).exitCode === 0
      return (await lab.host.exec('sh', ['-c', 'ip -br link | grep -q ^tg'])).exitCode === 0
    })
    it.kill('SIGTERM')
    const { code, stderr } = await it.ended
    t.equal(code, 143, stderr)
    t.match(stderr, /^tidegate: stopped by SIGTERM before the command was started$/m)
    t.equal(it.lines().at(-1)?.event, 'sealed')
    t.strictSame(it.processes(), [])
    t.equal(await leftBehind(lab), '', stop)
  }
})

t.test('a command that does not end when asked is killed', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const it = startRun(lab, {
    policy,
    command: ['sh', '-c', 'trap "" TERM; touch $WORK/up; while :; do sleep 0.1; done'],
  })
  await it.made('up')
  it.kill('SIGTERM')
  t.equal((await it.ended).code, 137)
  t.equal(it.lines().at(-1)?.event, 'sealed')
  t.equal(await leftBehind(lab), '')
})

t.test('what the command leaves running ends with it', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const daemons =
    'setsid sleep 600 & nohup sleep 601 >/dev/null 2>&1 & (trap "" HUP TERM INT; sleep 602) & (setsid sh -c "setsid sleep 603 &" &) ; sleep 0.2; exit 4'
  const it = startRun(lab, { policy, command: ['sh', '-c', daemons] })
  t.equal((await it.ended).code, 4)
  t.strictSame(it.processes(), [])
  t.equal(await leftBehind(lab), '')
})

t.test('killed, the run leaves no process, and the next one tidies up the rest', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const killed = [1, 2, 3].map(() =>
    startRun(lab, { policy: auditPolicy, command: ['sh', '-c', 'touch $WORK/up; exec sleep 600'] }),
  )
  await Promise.all(killed.map(it => it.made('up')))
  for (const it of killed) it.kill('SIGKILL')
  await Promise.all(killed.map(it => it.ended))
  await until(() => killed.every(it => it.processes().length === 0))
  t.equal((await run(lab, ['true'])).exitCode, 0)
  t.equal(await leftBehind(lab), '')
})

t.test('input and output pass through byte for byte', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const bytes = randomBytes(3_000_000)
  const piped = await run(lab, ['cat'], { input: bytes })
  t.equal(piped.exitCode, 0)
  t.ok(Buffer.compare(piped.stdoutBytes, bytes) === 0, 'standard output is what the command wrote, and nothing else')
  const split = await run(lab, ['sh', '-c', 'echo out; echo err >&2; read line || echo end'])
  t.equal(split.stdout, 'out\nend\n')
  t.match(split.stderr, /^err\n/)
})

t.test('the folder, the environment and the arguments are the caller’s', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const odd = lab.file('a folder\nof "two" lines\t$HOME')
  mkdirSync(odd)
  const print = 'import json, os, sys; print(json.dumps([os.getcwd(), dict(os.environ), sys.argv[1:]]))'
  const env = { 'INPUT_DRY-RUN': 'yes', ODD: 'a\tb\n"c" $HOME \\', EMPTY: '', PYTHONIOENCODING: 'utf-8', WORD: 'grüße' }
  const { stdout, stderr } = await run(lab, ['python3', '-c', print, '--', '-x', '', 'a b', '$HOME', '\n'], {
    cwd: odd,
    env,
  })
  const [cwd, seen, args]: unknown[] = JSON.parse(stdout || '[]')
  t.equal(cwd, odd, stderr)
  t.match(seen, env)
  t.strictSame(args, ['--', '-x', '', 'a b', '$HOME', '\n'])
})

t.test('--user: another user, who has no way back', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const look =
    'id -u; id -g; id -G; echo $HOME; grep CapEff /proc/self/status; cat /run/tidegate/ca.crt | head -1; getent hosts api.acme.test | cut -d" " -f2-; setpriv --reuid=0 true 2>/dev/null || echo no'
  const { stdout, stderr, exitCode } = await run(lab, ['sh', '-c', look], {
    options: ['--user', 'nobody:nogroup'],
    cwd: '/',
  })
  t.equal(exitCode, 0, stderr)
  t.match(
    stdout.replace(/ +/g, ' '),
    /^65534\n65534\n65534\n\/nonexistent\nCapEff:\t0{16}\n-----BEGIN CERTIFICATE-----\n *api\.acme\.test\nno\n$/,
  )
  const unknown = await run(lab, ['true'], { options: ['--user', 'nobody-at-all'] })
  t.equal(unknown.exitCode, 125)
  t.match(unknown.stderr, /^tidegate: run: --user: /)
})

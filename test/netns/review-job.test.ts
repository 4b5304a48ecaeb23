// What a job does to the gateway, to its record and to the machine it shares, by means other than the network.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { fileURLToPath } from 'node:url'
import { blockPolicy, tidegate } from '../e2e/behind.ts'
import { openLab, type Lab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { leftBehind } from './left-behind.ts'
import { startRun } from './live-run.ts'

t.setTimeout(120_000)
const skip = whyNoLab()
const policy = blockPolicy([])
const moveRoot = fileURLToPath(new URL('review-move-root.py', import.meta.url))
const terminalFile = fileURLToPath(new URL('lifecycle-terminal.py', import.meta.url))

const foreign = process.arch === 'x64' ? false : 'not on this machine: the attack is written for x86-64'
t.test('a job that moves the root of its process 1 is told by its own name', { skip: skip || foreign }, async t => {
  await using lab = await openLab({ services: [] })
  const connect = `import os, socket
s = socket.socket(); s.settimeout(3)
for fd in os.listdir("$WORK/root/proc/4242/fd"): os.unlink("$WORK/root/proc/4242/fd/" + fd)
os.symlink("socket:[%d]" % os.fstat(s.fileno()).st_ino, "$WORK/root/proc/4242/fd/3")
try: s.connect(("203.0.113.66", 443)); s.recv(1)
except OSError: pass`
  const forge = [
    'P=$WORK/root/proc/4242; mkdir -p $P/fd; touch $P/fd/0; ln -s /usr/bin/git $P/exe',
    'printf "git\\0fetch" >$P/cmdline; printf "Uid:\\t7\\t7\\n" >$P/status; echo "4242 (git) S 1" >$P/stat',
    `python3 ${moveRoot} $WORK/root >$WORK/moved`,
    `python3 -c '${connect.replaceAll('$WORK', "'$WORK'")}'`,
  ]
  const run = startRun(lab, { policy, command: ['sh', '-ec', forge.join('\n')] })
  const { code, stderr } = await run.ended
  t.equal(code, 0, stderr)
  t.equal(run.read('moved'), '0\n', 'it could move it')
  const line = run.lines().find(({ address }) => address === '203.0.113.66')
  t.match(line?.process, { exe: /python/, uid: 0 })
})

t.test('a job that puts a pipe in the place of its log does not hold the gateway', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const run = startRun(lab, { policy, command: ['sh', '-c', 'cd $WORK/out; rm egress.ndjson; mkfifo egress.ndjson'] })
  const { code, stderr } = await run.ended
  t.equal(code, 125, stderr)
  t.match(stderr, /^The log is BROKEN: /m)
  t.equal(await leftBehind(lab), '')
})

t.test('a job of another user does not lead the gateway’s reports elsewhere', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const [work, precious] = [lab.file('workspace'), lab.file('precious')]
  for (const folder of [work, precious]) mkdirSync(folder)
  writeFileSync(`${precious}/summary.json`, 'untouched')
  writeFileSync(lab.file('policy.yaml'), policy)
  await lab.host.exec('chown', ['nobody', work])
  await lab.host.exec('chmod', ['755', lab.dir])
  const options = ['--user', 'nobody', '--policy', lab.file('policy.yaml'), '--out', `${work}/out`]
  const script = `mv out gone && ln -s ${precious} out`
  const { exitCode, stderr } = await lab.host.exec(tidegate, ['run', ...options, '--', 'sh', '-c', script], {
    cwd: work,
  })
  t.equal(exitCode, 125, stderr)
  t.strictSame(readdirSync(precious), ['summary.json'])
  t.equal(readFileSync(`${precious}/summary.json`, 'utf8'), 'untouched')
  t.ok(existsSync(`${work}/gone/summary.json`), 'it lies where the record is')
})

t.test('a job that kills all it can reach ends, and its record is whole', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const run = startRun(lab, { policy, command: ['sh', '-c', 'sleep 600 & kill -9 -1; sleep 600'] })
  const { code, stderr } = await run.ended
  t.equal(code, 137, stderr)
  t.notMatch(stderr, /internal error/)
  t.equal(run.lines().at(-1)?.event, 'sealed')
  t.strictSame(run.processes(), [])
  t.equal(await leftBehind(lab), '')
})

t.test('a job on our terminal does not open the gateway’s debugger', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  writeFileSync(lab.file('policy.yaml'), policy)
  const job = `trap "" USR1; kill -USR1 0; echo ready; read line; exit 6`
  const listening = `until ss -Hltn | grep -q :9229 || [ "$((n += 1))" = 10 ]; do sleep 0.1; done; ss -Hltn | grep :9229`
  const run = [tidegate, 'run', '--policy', lab.file('policy.yaml'), '--out', lab.file('out'), '--', 'sh', '-c', job]
  const script = `python3 ${terminalFile} '' "$@" >$OUT & for i in $(seq 100); do grep -qs started $LOG && break; sleep 0.1; done; ${listening}; kill %1`
  const { stdout } = await lab.host.exec('bash', ['-c', script, 'bash', ...run], {
    env: { OUT: lab.file('shown'), LOG: lab.file('out/egress.ndjson') },
  })
  t.equal(stdout, '', 'nobody listens')
})

/** Runs a job under a shell of the host that prepares something first in namespaces of its own. */
async function prepared(lab: Lab, before: string, job: string, after: string, its = policy): Promise<string> {
  writeFileSync(lab.file('policy.yaml'), its)
  const run = `'${tidegate}' run --policy '${lab.file('policy.yaml')}' --out '${lab.file('out')}' -- sh -c '${job}'`
  const script = `${before}\n${run}\necho ---\n${after}`
  const { stdout, exitCode, stderr } = await lab.host.exec('unshare', ['--mount', '--ipc', 'sh', '-ec', script])
  if (exitCode !== 0) throw new Error(stderr)
  return stdout
}

t.test('what somebody outside would take up and send is not the job’s to fill', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const spool = '/var/spool'
  const told = await prepared(
    lab,
    `mkdir -p ${spool}; mount -t tmpfs spool ${spool}; mkdir -p ${spool}/cron/crontabs ${spool}/postfix/maildrop ${spool}/else`,
    `mkdir -p ${spool}/cron/crontabs ${spool}/postfix/maildrop; for f in cron/crontabs/root postfix/maildrop/1 else/1; do echo x >${spool}/$f; done; find ${spool} -type f | sort`,
    `find ${spool} -type f`,
  )
  const [inside, outside] = told.split('---\n')
  t.equal(inside, `${spool}/cron/crontabs/root\n${spool}/else/1\n${spool}/postfix/maildrop/1\n`, 'it has its own')
  t.equal(outside, `${spool}/else/1\n`)
})

t.test('shared memory and message queues are the job’s own, and end with it', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const told = await prepared(
    lab,
    'ipcmk -M 4096 >/dev/null; mkdir -p /dev/mqueue; mount -t mqueue queues /dev/mqueue; : >/dev/mqueue/tidegate-test',
    'ipcs -m | grep -c ^0x; ls /dev/mqueue; ipcmk -M 4096 -p 0600 >/dev/null; ipcs -m | grep -c ^0x; : >/dev/mqueue/mine',
    'ipcs -m | grep -c ^0x; ls /dev/mqueue',
  )
  t.equal(told, '0\n1\n---\n1\ntidegate-test\n')
})

t.test('the job has what its caller set, and not what Node made of it', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  writeFileSync(lab.file('policy.yaml'), policy)
  const run = `'${tidegate}' run --policy '${lab.file('policy.yaml')}' --out '${lab.file('out')}' -- sh -c 'ulimit -Sn; sed -n "s/^SigIgn:.*\\(.\\)$/\\1/p" /proc/self/status; env | grep -c TIDEGATE_OUTER'`
  // Whoever started this test may have had signals ignored, which is inherited; the four of the last digit are HUP to ILL.
  const shell = ['--default-signal', 'bash', '-c']
  const look = async (before: string) => (await lab.host.exec('env', [...shell, `${before}; ${run}`])).stdout
  t.equal(await look('ulimit -Sn 700'), '700\n0\n0\n')
  t.equal(await look('ulimit -Sn 800; trap "" HUP QUIT'), '800\n5\n0\n')
  const hungUp = startRun(lab, {
    policy,
    command: ['sh', '-c', 'touch $WORK/up; until [ -e $WORK/end ]; do sleep 0.05; done; exit 9'],
  })
  await hungUp.made('up')
  hungUp.kill('SIGHUP')
  t.equal((await hungUp.ended).code, 129, 'a hang-up ends a run')
  const nohup = `nohup ${run.replace(/sh -c .*/, `sh -c 'touch ${lab.file('up')}; until [ -e ${lab.file('end')} ]; do sleep 0.05; done; exit 9'`)} & p=$!; until [ -e ${lab.file('up')} ]; do sleep 0.05; done; kill -HUP $p; sleep 0.2; touch ${lab.file('end')}; wait $p; echo $?`
  t.match((await lab.host.exec('bash', ['-c', nohup])).stdout, /^9$/m, 'but not under nohup')
})

t.test('a name of the machine’s hosts file is a name for the policy as well', { skip }, async t => {
  await using lab = await openLab()
  writeFileSync(lab.file('hosts'), '127.0.0.1 localhost\n198.51.100.10 nexus.acme.test api.acme.test\n')
  const urls = 'https://api.acme.test http://nexus.acme.test http://198.51.100.10'
  const job = `for u in ${urls}; do curl -sm5 -o /dev/null -w "%{http_code} " $u/; done; echo 127.0.0.1 mine >>/etc/hosts; getent hosts mine localhost | wc -l`
  const allowed = blockPolicy(['https://api.acme.test', 'http://nexus.acme.test'])
  const told = await prepared(lab, `mount --bind ${lab.file('hosts')} /etc/hosts`, job, '', allowed)
  t.equal(told, '200 200 403 2\n---\n')
  t.match(readFileSync(lab.file('hosts'), 'utf8'), /^127.0.0.1 localhost\n198/, 'the machine’s is as it was')
  t.notMatch(readFileSync(lab.file('hosts'), 'utf8'), 'mine')
  t.strictSame(await lab.dns.queries({ under: 'nexus.acme.test' }), [], 'nobody else was asked for it')
})

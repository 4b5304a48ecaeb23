import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import type { Service } from '../lab/servers/internet-offer.ts'
import { auditPolicy, blockPolicy } from './behind.ts'
import { runSteps } from './steps.ts'

t.setTimeout(240_000)

const services: readonly Service[] = ['origins', 'git', 'npm', 'python']
const rules = ['https://git.acme.test', 'https://npm.acme.test', 'https://pypi.acme.test', 'api.acme.test']

/** What builds do, with the tools that read the files in which decoys are, and write them. */
const steps = {
  clone: 'git clone -q https://git.acme.test/acme/app.git && git -C app log --format=%s >&3',
  credential: [
    'git config --global credential.helper store',
    'printf "protocol=https\\nhost=git.acme.test\\nusername=me\\npassword=mine\\n\\n" | git credential approve',
    'printf "protocol=https\\nhost=git.acme.test\\n\\n" | git credential fill | grep -q "password=mine"',
    'printf "protocol=https\\nhost=other.test\\n\\n" | GIT_TERMINAL_PROMPT=0 git credential fill; test $? -ne 0',
  ].join('\n'),
  npm: [
    'npm config set fund false --location=user && npm config get fund',
    'mkdir npm && cd npm && echo "{\\"name\\":\\"w\\",\\"version\\":\\"1.0.0\\"}" >package.json',
    'npm install --no-audit --no-update-notifier --registry https://npm.acme.test/ --cache "$WORK/npm-cache" lab-right >&3',
    'npm pack --pack-destination "$WORK" >&3 && npm config list >&3',
  ].join('\n'),
  pip: 'python3 -m pip download --no-cache-dir --disable-pip-version-check --index-url https://pypi.acme.test/simple/ -d wheels lab-wheel >&3',
  make: 'printf "all:\\n\\t@echo built with $$HOME\\n" >Makefile && (command -v make >/dev/null || exit 0; make) >&3',
  upload: [
    'head -c 20000000 /dev/urandom >noise && gzip -k noise && base64 noise >text',
    'for file in noise noise.gz text; do curl -sS --fail -o /dev/null -T $file https://api.acme.test/upload || exit 1; done',
    'curl -sS --fail -o /dev/null -H "Content-Encoding: gzip" --data-binary @noise.gz https://api.acme.test/upload',
  ].join('\n'),
} as const

await t.test(
  'a clean build with canaries works as without, and nothing is told',
  { skip: whyNoLab(services) },
  async t => {
    await using lab = await openLab({ services })
    for (const [mode, policy] of [
      ['block', blockPolicy(rules)],
      ['audit', auditPolicy],
    ] as const) {
      await t.test(`in ${mode}`, async t => {
        const home = lab.file(`home-${mode}`)
        mkdirSync(home)
        const run = await runSteps(lab, {
          policy: `${policy}canaries: true\n`,
          steps,
          env: { HOME: home },
          stepSeconds: 60,
        })
        for (const name of ['clone', 'credential', 'npm', 'pip', 'make', 'upload'] as const)
          t.equal(run.step(name).exitCode, 0, `${name}: ${run.step(name).stderr}`)
        t.same(
          run.lines.filter(({ event }) => event === 'canary' || event === 'anomaly').map(({ details }) => details),
          [],
          'no alarm',
        )
        // What tools wrote into the files is there, without the decoys; what nobody wrote is gone.
        t.equal(readFileSync(`${home}/.git-credentials`, 'utf8'), 'https://me:mine@git.acme.test\n')
        t.match(readFileSync(`${home}/.npmrc`, 'utf8'), /^fund=false$/m)
        t.notMatch(readFileSync(`${home}/.npmrc`, 'utf8'), /archive/)
        t.notOk(existsSync(`${home}/.aws`))
      })
    }
  },
)

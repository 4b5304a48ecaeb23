import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { runBehind } from './behind.ts'
import { block, services, sightings } from './canary-job.ts'

t.setTimeout(240_000)
const skip = whyNoLab(services)

t.test('a clean job has no finding, its own variables and files, and leaves no decoy behind', { skip }, async t => {
  await using lab = await openLab({ services })
  const home = lab.file('own')
  mkdirSync(home)
  writeFileSync(`${home}/.npmrc`, 'fund=false\n')
  const script = [
    'test "$DEPLOY_GITHUB_TOKEN" = mine',
    'test "$(cat ~/.npmrc)" = "fund=false"',
    'grep -q aws_secret_access_key ~/.aws/credentials',
    'printf "[default]\\nregion = x\\n" >>~/.aws/credentials',
    'test -z "$AWS_ACCESS_KEY_ID$GITHUB_TOKEN$NPM_TOKEN"',
    'curl -sS --fail -o /dev/null --data-binary @/bin/sh https://api.acme.test/upload',
  ].join(' && ')
  const env = { HOME: home, DEPLOY_GITHUB_TOKEN: 'mine' }
  const run = await runBehind(lab, { policy: block, command: ['sh', '-c', script], env })
  t.equal(run.exitCode, 0, run.stderr)
  t.same(sightings(run.lines), [])
  t.equal(readFileSync(`${home}/.npmrc`, 'utf8'), 'fund=false\n')
  t.equal(readFileSync(`${home}/.aws/credentials`, 'utf8'), '[default]\nregion = x\n')
  t.notOk(existsSync(`${home}/.git-credentials`))
})

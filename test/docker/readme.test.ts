// The README's way into compose, word for word, as a newcomer would type it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { openProductEngine } from './engine/product-engine.ts'
import { productImage } from './engine/product-image.ts'
import { whyNoDocker } from './engine/requirements.ts'

t.setTimeout(600_000)

const repository = fileURLToPath(new URL('../../', import.meta.url))
const image = 'tidegate:0.1.0'

/** What a reader of the compose part types: the lines of its console blocks. */
function commands(): readonly string[] {
  const readme = readFileSync(`${repository}README.md`, 'utf8')
  const part = /A build in a container needs nothing[^]*?(?=\n## )/.exec(readme)?.[0] ?? ''
  return [...part.matchAll(/```console\n([^]*?)```/g)].flatMap(([, block = '']) => block.trim().split('\n'))
}

t.test('the compose part of the README works as it is written', { skip: whyNoDocker() }, async t => {
  const [build = '', ...others] = commands()
  t.equal(build, `docker build --tag ${image} .`)
  t.equal(others.length, 3, 'copy, up, report')
  await using lab = await openLab({ services: ['origins'] })
  // Built by the same Dockerfile, from packages of the lab: the outside has no registry here.
  await using engine = await openProductEngine(lab)
  t.equal((await engine.docker(['tag', productImage, image])).exitCode, 0)

  // A clone of what is committed, and a project beside it.
  const clone = `${lab.dir}/clone`
  const cloned = await lab.host.exec('git', ['clone', '--quiet', '--depth', '1', `file://${repository}`, clone])
  t.equal(cloned.exitCode, 0, cloned.stderr)
  const project = `${lab.dir}/your-project`
  mkdirSync(project)
  const ask = `await fetch('https://evil.test/').catch(() => undefined); console.log('built')`
  writeFileSync(
    `${project}/package.json`,
    JSON.stringify({ name: 'yours', version: '1.0.0', scripts: { build: 'node build.mjs' } }),
  )
  writeFileSync(`${project}/build.mjs`, ask)

  // One shell, as `cd` in one line is meant for the next; between them the reader changes the lines that are marked.
  const change = `sed -i 's/command: \\[npm, ci\\] # yours.*/command: [npm, run, build]/' docker-compose.yml`
  const [copy = '', up = '', report = ''] = others
  const script = [`cd '${clone}'`, copy, change, up, 'echo "exit $?"', report].join('\n')
  const { exitCode, stdout, stderr } = await lab.host.exec('sh', ['-c', script], {
    env: engine.env,
    bare: true,
    timeoutMs: 300_000,
  })
  t.teardown(() => engine.compose(project, ['down', '--volumes', '--timeout', '2']))
  t.equal(exitCode, 0, stderr.slice(-3_000))
  t.match(stdout, /\bbuilt$/m, stderr.slice(-3_000))
  t.match(stdout, /^exit 0$/m, 'the exit code of the build')
  // The policy to begin with only watches.
  t.match(stdout, /Would be refused in block mode[^]*evil\.test:443/, 'the report names what the policy does not allow')
  t.match(stdout, /intact and sealed/)
})

import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { program } from '../../../gateway/cli/program.ts'
import { sampleJob } from '../record/sample-job.ts'
import { writeLog } from '../record/write-log.ts'
import { captureIo } from './capture-io.ts'

const whole = await writeLog(sampleJob())

async function run(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const io = captureIo()
  return { code: await program(args, io), out: io.out(), err: io.err() }
}

async function folderWith(t: Test, text: string): Promise<string> {
  const folder = t.testdir()
  await writeFile(join(folder, 'egress.ndjson'), text)
  return folder
}

for (const to of ['ocsf', 'ecs'])
  await t.test(`export --to ${to}: a JSON object for each line of its kind`, async t => {
    const { code, out, err } = await run('export', '--to', to, await folderWith(t, whole))
    t.equal(code, 0, err)
    const lines = out.split('\n').slice(0, -1)
    const flows = whole.split('\n').filter(line => /"layer":"(?!job|file)/.test(line) && line.includes('"verdict"'))
    t.equal(lines.length, to === 'ecs' ? whole.split('\n').length - 1 : flows.length)
    for (const line of lines) t.type(JSON.parse(line), 'object')
  })

await t.test('export --to in-toto: of a folder, its subject is the file in it', async t => {
  const { code, out } = await run('export', '--to', 'in-toto', await folderWith(t, whole))
  t.equal(code, 0)
  t.match(JSON.parse(out), { subject: [{ digest: { sha256: createHash('sha256').update(whole).digest('hex') } }] })
})

await t.test('export: exits 1 when the log has no seal, and still writes all of it', async t => {
  const cut = `${whole.split('\n').slice(0, -2).join('\n')}\n`
  for (const to of ['ocsf', 'ecs', 'cyclonedx', 'in-toto']) {
    const { code, out, err } = await run('export', '--to', to, await folderWith(t, cut))
    t.equal(code, 1, to)
    t.match(out, /^\{/)
    t.match(err, /^tidegate: \S+: .+\n$/)
  }
})

await t.test('export: exits 2 when it cannot be read, or is called wrongly', async t => {
  const bad = await folderWith(t, 'no log\n')
  for (const args of [
    ['--to', 'ocsf', bad],
    ['--to', 'cyclonedx', bad],
    ['--to', 'ecs', '/nowhere'],
    ['--to', 'xml', bad],
    [bad],
    ['--to', 'ecs'],
  ]) {
    const { code, err } = await run('export', ...args)
    t.equal(code, 2, args.join(' '))
    t.match(err, /^tidegate: .+\n/)
  }
})

import { execa } from 'execa'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { planToolSettings } from '../../../gateway/ca/tool-settings.ts'

const bundle = '/run/tidegate/bundle.pem'

t.test('planToolSettings(): apt and wget are led to the bundle', async t => {
  const { files, variables, warnings } = await planToolSettings({ HOME: t.testdir() }, bundle)
  t.strictSame(variables, { APT_CONFIG: 'apt.conf', WGETRC: 'wgetrc' })
  t.equal(files['wgetrc'], `ca_certificate = ${bundle}\n`)
  t.equal(files['apt.conf'], `Acquire::https::CAInfo "${bundle}";\n`)
  t.strictSame(warnings, [])
})

const skip = existsSync('/usr/bin/apt-config') ? false : 'needs apt'
t.test('planToolSettings(): apt keeps the settings that the environment named', { skip }, async t => {
  const home = t.testdir({ 'outer.conf': 'Acquire::Retries "7";\n' })
  const { files } = await planToolSettings({ APT_CONFIG: join(home, 'outer.conf') }, bundle)
  writeFileSync(join(home, 'apt.conf'), files['apt.conf'] ?? '')
  const { stdout } = await execa('/usr/bin/apt-config', ['dump'], { env: { APT_CONFIG: join(home, 'apt.conf') } })
  t.match(stdout, `Acquire::https::CAInfo "${bundle}"`)
  t.match(stdout, 'Acquire::Retries "7"')
})

for (const [where, file] of [
  ['in its usual place', '.wgetrc'],
  ['named by WGETRC', 'mine'],
] as const) {
  t.test(`planToolSettings(): wget keeps settings of the user ${where}, and we say what they need`, async t => {
    const home = t.testdir({ [file]: 'http_password = secret\n' })
    const outer = file === 'mine' ? { WGETRC: join(home, file) } : { HOME: home }
    const { files, variables, warnings } = await planToolSettings(outer, bundle)
    t.notOk('wgetrc' in files)
    t.notOk('WGETRC' in variables)
    t.match(warnings, [new RegExp(`${file}.*ca_certificate`)])
    t.notMatch(JSON.stringify([files, warnings]), 'secret')
  })
}

import { execa } from 'execa'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { planToolSettings } from '../../../gateway/ca/tool-settings.ts'

const bundle = '/run/tidegate/bundle.pem'

t.test('planToolSettings(): apt, wget and PHP are led to the bundle', async t => {
  const { files, variables, warnings } = await planToolSettings({ HOME: t.testdir() }, bundle)
  t.strictSame(variables, {
    APT_CONFIG: '/run/tidegate/apt.conf',
    PHP_INI_SCAN_DIR: ':/run/tidegate',
    WGETRC: '/run/tidegate/wgetrc',
  })
  t.match(files['php.ini'], `curl.cainfo = "${bundle}"\n`)
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

t.test('planToolSettings(): PHP reads the folders that the environment named too', async t => {
  const { variables } = await planToolSettings({ HOME: t.testdir(), PHP_INI_SCAN_DIR: '/opt/php.d' }, bundle)
  t.equal(variables['PHP_INI_SCAN_DIR'], '/opt/php.d:/run/tidegate')
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

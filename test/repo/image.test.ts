import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const warm = fileURLToPath(new URL('../../bin/image/warm.mjs', import.meta.url))

await t.test('every file of the program can be loaded by itself, as the build of the image does', async t => {
  t.equal(execFileSync(process.execPath, ['--max-semi-space-size=8', warm], { encoding: 'utf8', stdio: 'pipe' }), '')
})

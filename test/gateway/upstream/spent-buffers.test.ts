import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

const module = new URL('../../../gateway/upstream/spent-buffers.ts', import.meta.url).href

/** Reads 64 MiB in pieces as TLS has them, and says how much of them stood in memory at most. */
const relay = `
  import { spent } from '${module}'
  let most = 0
  for (let piece = 0; piece < 4096; piece += 1) {
    spent(Buffer.allocUnsafeSlow(16_384).length)
    most = Math.max(most, process.memoryUsage().arrayBuffers)
  }
  console.log(most)`

const run = promisify(execFile)

t.test('spent(): buffers that nobody needs any more do not pile up', async t => {
  const options = ['--disable-warning=ExperimentalWarning', '--input-type=module']
  const { stdout } = await run(process.execPath, [...options, '--eval', relay])
  const most = Number(stdout) / 1_048_576
  t.ok(most < 20, `${most.toFixed(1)} MiB of 64`)
})

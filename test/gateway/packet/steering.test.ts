import { execa } from 'execa'
import t from 'tap'
import { parsePort } from '../../../gateway/net/port.ts'
import { run, type Run } from '../../../gateway/packet/run.ts'
import { chooseSteering, requireSteering } from '../../../gateway/packet/steering.ts'

const signal = AbortSignal.timeout(20_000)
const cannot = (await execa('unshare', ['-n', 'nft', 'list', 'tables'], { reject: false })).exitCode !== 0
const skip = cannot && 'needs root and nft'
if (cannot && process.env['TIDEGATE_REQUIRE_ALL'] === '1') throw new Error('needs root and nft')

/** nft of a kernel that refuses every ruleset in which one of these words stands. */
function without(...words: readonly string[]): Run {
  return async (_file, args, { input = '' }) => {
    t.strictSame(args, ['--check', '-f', '-'], 'nothing is loaded')
    const missing = words.find(word => input.includes(word))
    return missing === undefined
      ? { exitCode: 0, stdout: '', stderr: '' }
      : { exitCode: 1, stdout: '', stderr: `Error: Could not process rule: No such file or directory (${missing})\n` }
  }
}

t.test('chooseSteering(): tproxy where the kernel has it, else redirection, else an error', async t => {
  t.equal(await chooseSteering(without(), signal), 'tproxy')
  t.equal(await chooseSteering(without('tproxy ip to'), signal), 'redirect')
  t.equal(await chooseSteering(without('socket transparent'), signal), 'redirect', 'it needs both')
  await t.rejects(chooseSteering(without('tproxy ip to', 'dnat'), signal), { code: 'NFT_REJECTED', message: /tproxy/ })
})

t.test('chooseSteering(): this kernel takes one of them, and nothing stays loaded', { skip }, async t => {
  const inNamespace: Run = (file, args, options) => run('unshare', ['-n', file, ...args], options)
  t.match(await chooseSteering(inNamespace, signal), /^(?:tproxy|redirect)$/)
})

t.test('requireSteering(): UDP rules need tproxy', async t => {
  const port = parsePort(123)
  if (port === undefined) throw new TypeError('123 is a port')
  const udp = [{ to: '198.18.0.0/16', from: port, upTo: port }]
  requireSteering('tproxy', udp)
  requireSteering('redirect', [])
  t.throws(() => requireSteering('redirect', udp), { code: 'STEERING_UNSUPPORTED' })
})

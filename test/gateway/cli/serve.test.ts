import { writeFileSync } from 'node:fs'
import t from 'tap'
import { program } from '../../../gateway/cli/program.ts'
import { captureIo } from './capture-io.ts'

const policy = 'version: 1\nmode: block\nallow: [https://a.test]\n'

t.test('tidegate serve --check: configuration and policies, all faults at once, nothing started', async t => {
  const dir = t.testdir({
    'gateway.yaml': 'version: 1\npolicyFolder: policies\njobs: { a: { policy: a.yaml } }\n',
    'a.yaml': policy,
    policies: { 'b.yaml': policy },
  })
  const args = ['serve', '--check', '--config', `${dir}/gateway.yaml`]
  const good = captureIo()
  t.equal(await program(args, good), 0, good.err())
  writeFileSync(`${dir}/policies/b.yaml`, 'version: 1\nmode: loose\nallow: [nonsense!]\n')
  const bad = captureIo()
  t.equal(await program(args, bad), 2)
  t.match(bad.err(), /POLICY_INVALID/)
  t.match(bad.err(), /b\.yaml:2:/)
  t.match(bad.err(), /b\.yaml:3:/)
  writeFileSync(`${dir}/gateway.yaml`, 'version: 1\ncontrol: here\nlimit: 1\n')
  const worse = captureIo()
  t.equal(await program(args, worse), 2)
  t.match(worse.err(), /CONFIG_INVALID/)
  t.match(worse.err(), /gateway\.yaml:2:/)
})

t.test('tidegate serve: wrong usage and a missing file are told in one line each', async t => {
  for (const args of [
    ['serve', '--policy', 'x'],
    ['serve', '--config'],
    ['serve', '--config', '/nonexistent/gateway.yaml'],
  ]) {
    const io = captureIo()
    t.equal(await program(args, io), 2, args.join(' '))
    t.match(io.err(), /^tidegate: [^\n]+\n$/)
  }
})

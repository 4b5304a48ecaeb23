import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import t from 'tap'
import { fileURLToPath } from 'node:url'
import { runBehind, tidegate } from '../e2e/behind.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { policyText } from './bypass.ts'

t.setTimeout(120_000)
const skip = whyNoLab()
const thief = fileURLToPath(new URL('bypass-key-thief.py', import.meta.url))
const secret = /-----BEGIN (?:EC |RSA |ENCRYPTED )?PRIVATE KEY-----/

t.test('T13: a build finds no key of the authority, and no process that has it', { skip }, async t => {
  await using lab = await openLab({})
  for (const mode of ['block', 'audit'] as const) {
    const { stdout, stderr, out } = await runBehind(lab, {
      policy: policyText(mode, ['https://api.acme.test']),
      command: ['python3', thief],
    })
    t.match(stdout, /^\{/, stderr)
    const haul: Readonly<Record<string, unknown>> = JSON.parse(stdout)
    t.match(String(haul['given']), /\bbundle\.pem,(?:.*,)?ca\.crt\b/, `it is given the certificate (${mode})`)
    t.strictSame(
      haul['secrets'],
      [],
      `no private key in /run, in shared memory, in an environment or a command line (${mode})`,
    )
    t.equal(haul['trust store'], false, `none in the trust store (${mode})`)
    t.notMatch(
      JSON.stringify(haul['processes']),
      /node|tidegate\/|main\.ts/,
      `it sees no process of the gateway (${mode})`,
    )
    t.strictSame(haul['descriptors'], [], `it inherits no descriptor (${mode})`)
    t.strictSame(haul['traced'], [], `it can trace nothing outside (${mode})`)
    t.strictSame(haul['works'], [], `it cannot ask the kernel instead (${mode})`)
    for (const file of readdirSync(out))
      t.notMatch(readFileSync(`${out}/${file}`, 'utf8'), secret, `${file} holds no key (${mode})`)
  }
})

t.test('T13: the gateway keeps its key in memory only', { skip }, async t => {
  await using lab = await openLab({})
  const job = 'curl -s https://api.acme.test/ >/dev/null; echo up; exec sleep 30'
  const child = lab.host.spawn(tidegate, ['run', '--mode', 'audit', '--out', lab.file('keys'), '--', 'sh', '-c', job])
  const ended = once(child, 'exit')
  if (child.stdout === null) throw new Error('the gateway has no output')
  const [said]: unknown[] = await once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) })
  t.match(String(said), /up/)

  const own = `/proc/${child.pid ?? 0}`
  for (const file of ['cmdline', 'environ'])
    t.notMatch(readFileSync(`${own}/${file}`, 'latin1'), secret, `not in its ${file}`)
  const held = readdirSync(`${own}/fd`).map(fd => readlinkSync(`${own}/fd/${fd}`))
  const holding = held.filter(path => isPlain(path) && secret.test(readFileSync(path, 'latin1')))
  t.strictSame(holding, [], 'not in a file that it holds open')
  const folders = readdirSync('/run/tidegate', { recursive: true, encoding: 'utf8' }).map(
    path => `/run/tidegate/${path}`,
  )
  const left = folders.filter(path => isPlain(path) && secret.test(readFileSync(path, 'latin1')))
  t.strictSame(left, [], 'not where its jobs have their folders')
  child.kill('SIGTERM')
  await ended
})

function isPlain(path: string): boolean {
  return path.startsWith('/') && (statSync(path, { throwIfNoEntry: false })?.isFile() ?? false)
}

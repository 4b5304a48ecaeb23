// The guided tour: a real build with real attacks in it, in a simulated internet on this machine. First in audit, then a policy
// is suggested from what was seen, then in block. Ends with what the attacker got each time, and where the logs lie.
import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { relative } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { canShowProgress, openProgress } from '../gateway/record/progress.ts'
import { openLab, type Lab } from '../test/lab/lab.ts'
import { forget, lootOf, type Loot } from './loot.ts'
import { bold, dim, green, heading, red, say, shorten } from './paint.ts'
import { review } from './review.ts'

const root = fileURLToPath(new URL('../', import.meta.url))
const out = `${root}out/demo`
const shown = relative(process.cwd(), out) || '.'

/** Made up anew each time, so that finding one at the attacker's is proof. */
const secrets = {
  AWS_SECRET_ACCESS_KEY: randomBytes(30).toString('base64url'),
  GITHUB_TOKEN: `ghp_${randomBytes(18).toString('hex')}`,
}

/** Runs `tidegate` on the lab's machine with this terminal's output, and returns its exit code. */
async function tidegate(lab: Lab, args: readonly string[]): Promise<number> {
  const inherited = ['NO_COLOR', 'FORCE_COLOR', 'TERM', 'CI'].flatMap(name => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  const child = lab.host.spawn(`${root}bin/tidegate`, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...Object.fromEntries(inherited), ...secrets, npm_config_registry: 'https://npm.acme.test/' },
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)))
  })
}

async function openInternet(): Promise<Lab> {
  const isLive = canShowProgress(process.stdout, process.env, false)
  using progress = openProgress(process.stdout, isLive, () => performance.now())
  if (!isLive) say(dim('starting an internet: resolver, web, git, npm, an attacker'))
  progress.phase('starting an internet: resolver, web, git, npm, an attacker')
  return openLab({ services: ['origins', 'git', 'npm', 'metadata'] })
}

/** Asks for a policy, plays the reader who strikes what the build has no business with, and writes the rest. */
async function suggestPolicy(lab: Lab): Promise<void> {
  const suggested = await lab.host.exec(`${root}bin/tidegate`, ['suggest', `${shown}/audit`], { cwd: process.cwd() })
  if (suggested.exitCode !== 0) throw new Error(`suggest failed: ${suggested.stderr}`)
  const { kept, struck } = review(suggested.stdout)
  await writeFile(`${out}/tidegate.yaml`, kept)
  for (const line of kept.trimEnd().split('\n')) {
    const [rule = '', ...evidence] = shorten(line).split(/(?=#)/)
    say(`${rule}${dim(evidence.join(''))}`)
  }
  say()
  for (const line of struck) say(`${red('struck by the reader:')} ${shorten(line, 22)}`)
}

function compare(taken: Loot, stopped: Loot): void {
  say(dim(`  ${''.padEnd(32)}in audit    in block`))
  for (const [at, { name, reached }] of taken.attacks.entries()) {
    const inBlock = stopped.attacks[at]?.reached === true
    const [before, after] = [reached, inBlock].map(got =>
      got ? red('got it'.padEnd(12)) : green('nothing'.padEnd(12)),
    )
    say(`  ${name.padEnd(32)}${before ?? ''}${(after ?? '').trimEnd()}`)
  }
  const [before, after] = [taken, stopped].map(({ secret }) =>
    secret ? red('yes'.padEnd(12)) : green('no'.padEnd(12)),
  )
  say(`  ${'a secret of the build'.padEnd(32)}${before ?? ''}${(after ?? '').trimEnd()}`)
}

async function main(): Promise<number> {
  await rm(out, { recursive: true, force: true })
  await mkdir(out, { recursive: true })
  say(bold('Tidegate: a build with attacks in it, behind the gateway'))
  say(dim('Everything happens in network namespaces on this machine; no packet leaves it.'))
  await using lab = await openInternet()
  const build = ['--', 'sh', `${root}demo/build.sh`]

  heading('1  audit: nothing is refused, everything is seen')
  say(dim('$ tidegate run --mode audit -- sh demo/build.sh'))
  const audit = await tidegate(lab, ['run', '--mode', 'audit', '--job', 'demo', '--out', `${out}/audit`, ...build])
  const taken = await lootOf(lab, secrets)
  await forget(lab)

  heading('2  suggest: what was seen becomes a policy, and a person reads it')
  say(dim(`$ tidegate suggest ${shown}/audit > tidegate.yaml`))
  await suggestPolicy(lab)

  heading('3  block: the same build, behind that policy')
  say(dim('$ tidegate run --policy tidegate.yaml -- sh demo/build.sh'))
  const policy = `${out}/tidegate.yaml`
  const blocked = await tidegate(lab, ['run', '--policy', policy, '--job', 'demo', '--out', `${out}/block`, ...build])
  const stopped = await lootOf(lab, secrets)

  heading('what the attacker got')
  compare(taken, stopped)
  say()
  say(`  logs, reports and the policy: ${shown}/`)
  const held = audit === 0 && blocked === 0 && taken.secret && !stopped.secret
  const ended = stopped.attacks.every(({ reached }) => !reached) && taken.attacks.every(({ reached }) => reached)
  say(
    held && ended
      ? green('  The build passed both times. In block every attack ended at the gateway.')
      : red('  This is not what should have happened: see above.'),
  )
  return held && ended ? 0 : 1
}

process.exitCode = await main()

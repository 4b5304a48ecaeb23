// The guided tour: a real build with real attacks in it, in a simulated internet on this machine. First in audit, then a policy
// is suggested from what was seen, then in block. Ends with what the attacker got each time, and where the logs lie.
import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { openLab, type Lab } from '../test/lab/lab.ts'
import { bold, dim, green, heading, red, say } from './paint.ts'
import { review } from './review.ts'

const root = fileURLToPath(new URL('../', import.meta.url))
const out = `${root}out/demo`

/** The secrets the build holds: made up anew each time, so that finding one at the attacker's is proof. */
const secrets = {
  AWS_SECRET_ACCESS_KEY: randomBytes(30).toString('base64url'),
  GITHUB_TOKEN: `ghp_${randomBytes(18).toString('hex')}`,
}

/** Runs `tidegate` on the lab's machine with this terminal's output, and returns its exit code. */
async function tidegate(lab: Lab, args: readonly string[]): Promise<number> {
  const child = lab.host.spawn(`${root}bin/tidegate`, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...secrets,
      ...(process.env['NO_COLOR'] === undefined ? {} : { NO_COLOR: process.env['NO_COLOR'] }),
      TERM: process.env['TERM'] ?? 'dumb',
    },
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)))
  })
}

/** What reached the attacker: connections, DNS questions, and whether a secret was among it. */
interface Loot {
  readonly connections: number
  readonly questions: number
  readonly secret: boolean
}

async function loot(lab: Lab): Promise<Loot> {
  const spelled = Buffer.from(secrets.AWS_SECRET_ACCESS_KEY).toString('hex').slice(0, 30)
  const fronted = await lab.origins.requests({ host: 'elsewhere.acme.test' })
  const requests = await lab.sink.requests()
  const questions = await lab.dns.queries({ under: 'evil.test' })
  const seen = JSON.stringify(requests) + JSON.stringify(questions) + JSON.stringify(fronted)
  const plain = await lab.sink.contains(secrets.AWS_SECRET_ACCESS_KEY)
  return {
    connections: (await lab.sink.connections()).length + fronted.length,
    questions: questions.length,
    secret: plain || seen.includes(secrets.AWS_SECRET_ACCESS_KEY) || seen.includes(spelled) || fronted.length > 0,
  }
}

function describe(found: Loot): string {
  const secret = found.secret ? red('the secrets') : green('no secret')
  return `${found.connections} connections, ${found.questions} DNS questions, ${secret}`
}

async function forget(lab: Lab): Promise<void> {
  await Promise.all([lab.sink.clear(), lab.dns.clear(), lab.origins.clear()])
}

async function main(): Promise<number> {
  await rm(out, { recursive: true, force: true })
  await mkdir(out, { recursive: true })
  say(bold('Tidegate: a build with attacks in it, behind the gateway'))
  say(dim('Everything happens in network namespaces on this machine; no packet leaves it.'))
  await using lab = await openLab({ services: ['origins', 'git', 'npm', 'metadata'] })
  const build = ['--', 'sh', `${root}demo/build.sh`]
  const npm = { npm_config_registry: 'https://npm.acme.test/' }
  Object.assign(secrets, npm)

  heading('1  audit: nothing is refused, everything is seen')
  say(dim('$ tidegate run --mode audit -- sh demo/build.sh'))
  const audit = await tidegate(lab, ['run', '--mode', 'audit', '--job', 'demo', '--out', `${out}/audit`, ...build])
  const taken = await loot(lab)
  await forget(lab)

  heading('2  suggest: what was seen becomes a policy, and a person reads it')
  say(dim('$ tidegate suggest out/demo/audit/egress.ndjson > tidegate.yaml'))
  const suggested = await lab.host.exec(`${root}bin/tidegate`, ['suggest', `${out}/audit/egress.ndjson`])
  if (suggested.exitCode !== 0) throw new Error(`suggest failed: ${suggested.stderr}`)
  const { kept, struck } = review(suggested.stdout)
  await writeFile(`${out}/tidegate.yaml`, kept)
  say(kept.trimEnd())
  for (const line of struck) say(`${red('struck by the reviewer')}  ${dim(line)}`)

  heading('3  block: the same build, behind that policy')
  say(dim('$ tidegate run --policy tidegate.yaml -- sh demo/build.sh'))
  const blocked = await tidegate(lab, [
    'run',
    '--policy',
    `${out}/tidegate.yaml`,
    '--job',
    'demo',
    '--out',
    `${out}/block`,
    ...build,
  ])
  const stopped = await loot(lab)

  heading('what the attacker got')
  say(`  in audit   ${describe(taken)}`)
  say(`  in block   ${describe(stopped)}`)
  say()
  say(`  logs and reports: ${out.replace(`${process.cwd()}/`, '')}/{audit,block}/`)
  const held = audit === 0 && blocked === 0 && taken.secret && !stopped.secret && stopped.connections === 0
  say(
    held
      ? green('  The build passed both times. In block the attacks ended at the gateway.')
      : red('  This is not what should have happened: see above.'),
  )
  return held ? 0 : 1
}

process.exitCode = await main()

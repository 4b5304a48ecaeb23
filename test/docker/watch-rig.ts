import { mkdirSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Lab } from '../lab/lab.ts'
import type { Finished } from '../lab/program.ts'
import type { Engine, EngineOptions } from './engine/engine.ts'
import { openProductEngine } from './engine/product-engine.ts'
import { productImage } from './engine/product-image.ts'

export type Line = Readonly<Record<string, unknown>>

/** A gateway and a watcher in containers of an engine of their own. Dispose it before the lab. */
export interface WatchRig extends AsyncDisposable {
  readonly engine: Engine
  /** `docker …` that must succeed; its output, trimmed. */
  docker(...args: readonly string[]): Promise<string>
  /** Starts a container that sleeps, with these options, and returns its id. */
  start(name: string, ...options: readonly string[]): Promise<string>
  /** Runs a shell line in a container. */
  sh(name: string, line: string): Promise<Finished>
  /** What the watcher has said so far. */
  said(): Promise<readonly Line[]>
  /** Waits until the watcher has said something that fits, from the `after`th line on; returns it. */
  until(fits: (line: Line) => boolean, what: string, after?: number): Promise<Line>
  /** The gateway's jobs, by `status`. */
  jobs(): Promise<readonly Line[]>
  startGateway(): Promise<void>
  startWatcher(): Promise<void>
}

const policy = (mode: string): string => `version: 1
mode: ${mode}
allow:
  - https://api.acme.test
  - https://h1.acme.test
tls: { extraCa: [/etc/tidegate/lab-ca.pem] }
`

/** Opens the rig with the product's image; the lab must have origins. */
export async function openWatchRig(lab: Lab, options: Pick<EngineOptions, 'mounts'> = {}): Promise<WatchRig> {
  await using opening = new AsyncDisposableStack()
  const engine = opening.use(await openProductEngine(lab, options))
  const dir = `${lab.dir}/watch`
  mkdirSync(`${dir}/policies`, { recursive: true })
  writeFileSync(
    `${dir}/gateway.yaml`,
    'version: 1\njobs: { "*": {} }\npolicyFolder: /etc/tidegate/policies\ndrainMs: 0\n',
  )
  for (const mode of ['block', 'audit']) writeFileSync(`${dir}/policies/${mode}.yaml`, policy(mode))
  const ask = async (...args: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await engine.docker(args)
    if (exitCode !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`)
    return stdout.trim()
  }
  const rig: WatchRig = {
    engine,
    docker: ask,
    start: async (name, ...options) =>
      ask('run', '--detach', '--name', name, ...options, engine.images.node, 'sleep', 'infinity'),
    sh: async (name, line) => engine.docker(['exec', name, 'sh', '-c', line]),
    async said() {
      const { stdout, stderr } = await engine.docker(['logs', 'watcher'])
      return `${stdout}${stderr}`.split('\n').flatMap(line => (line.startsWith('{') ? [parseLine(line)] : []))
    },
    async until(fits, what, after = 0) {
      const limit = Date.now() + 30_000
      for (;;) {
        const lines = await rig.said()
        const found = lines.slice(after).find(fits)
        if (found !== undefined) return found
        if (Date.now() > limit) throw new Error(`the watcher did not say ${what}: ${JSON.stringify(lines)}`)
        await delay(100)
      }
    },
    async jobs() {
      const script = `const s=require('net').connect('/run/tidegate-control/gateway.sock',()=>s.write('{"op":"status"}\\n'));s.on('data',d=>{console.log(String(d));s.end()})`
      const reply = parseLine(await ask('exec', 'gateway', 'node', '-e', script))
      return Array.isArray(reply['jobs']) ? reply['jobs'] : []
    },
    async startGateway() {
      const flags =
        '--name gateway --label tidegate.role=gateway --restart always --health-interval 1s --cap-drop ALL --cap-add NET_ADMIN --read-only' +
        ' --sysctl net.ipv4.ip_forward=0 --sysctl net.ipv6.conf.default.disable_ipv6=1'
      const volumes = [
        'control:/run/tidegate-control',
        'run:/run/tidegate',
        'log:/var/log/tidegate',
        `${dir}/gateway.yaml:/etc/tidegate/gateway.yaml:ro`,
        `${dir}/policies:/etc/tidegate/policies:ro`,
        `${lab.ca.certPath}:/etc/tidegate/lab-ca.pem:ro`,
      ]
      await ask('run', '--detach', ...flags.split(' '), ...mounted(volumes), productImage)
      const limit = Date.now() + 30_000
      while ((await ask('inspect', '--format', '{{.State.Health.Status}}', 'gateway')) !== 'healthy') {
        if (Date.now() > limit) throw new Error((await engine.docker(['logs', 'gateway'])).stderr)
        await delay(100)
      }
    },
    async startWatcher() {
      const flags =
        '--name watcher --network none --restart always --cap-drop ALL --read-only --group-add 0 --no-healthcheck'
      const volumes = [
        '/var/run/docker.sock:/var/run/docker.sock',
        'control:/run/tidegate-control',
        'run:/run/tidegate:ro',
      ]
      await ask('run', '--detach', ...flags.split(' '), ...mounted(volumes), productImage, 'sidecar-init', 'docker')
      await rig.until(({ msg }) => msg === 'watching', 'that it watches')
    },
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  }
  const owned = opening.move()
  return rig
}

function mounted(volumes: readonly string[]): readonly string[] {
  return volumes.flatMap(volume => ['--volume', volume])
}

function parseLine(text: string): Line {
  const raw: unknown = JSON.parse(text)
  if (typeof raw !== 'object' || raw === null) throw new TypeError(text)
  return { ...raw }
}

/** Milliseconds from a container's start, by the engine's clock, to a line of the watcher's log. */
export async function sinceStart(rig: WatchRig, name: string, line: Line): Promise<number> {
  const startedAt = await rig.docker('inspect', '--format', '{{.State.StartedAt}}', name)
  return Date.parse(String(line['time'])) - Date.parse(startedAt)
}

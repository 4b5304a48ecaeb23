import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Behaviour } from './link-behaviours.ts'
import { register, remove } from '../lab/leftovers.ts'
import { type Namespace, namespaceNamed } from '../lab/namespace.ts'
import { runProgram } from '../lab/program.ts'

/** Something the fake gateway saw. */
export interface Sight {
  readonly event: string
  readonly [field: string]: unknown
}

/** A gateway of this behaviour and a job, each in a network namespace of its own. */
export interface LinkRig extends AsyncDisposable {
  readonly job: Namespace
  readonly gateway: Namespace
  readonly control: string
  readonly saw: readonly Sight[]
  /** Waits until the gateway has seen an event of this name. */
  until(event: string): Promise<void>
  /** `sidecar-init link` with only NET_ADMIN, as in the container; more arguments at the end. */
  link(...more: readonly string[]): ReturnType<Namespace['exec']>
}

export const sidecarInit = fileURLToPath(new URL('../../bin/sidecar-init', import.meta.url))

/** Before a program: root with these capabilities and no others, as a container has them. */
export function onlyWith(...capabilities: readonly string[]): readonly string[] {
  return [
    'setpriv',
    `--bounding-set=${['-all', ...capabilities.map(name => `+${name}`)].join(',')}`,
    '--inh-caps=-all',
    '--',
  ]
}

/** Opens a rig; disposing removes both namespaces. */
export async function openLinkRig(behaviour: Behaviour): Promise<LinkRig> {
  const id = randomBytes(3).toString('hex')
  const [gw, jb] = [`tggw-${id}`, `tgjb-${id}`]
  const dir = mkdtempSync('/tmp/tidegate-link-')
  const belongings = register(`link-${id}`, [gw, jb], dir)
  for (const name of [gw, jb]) {
    const { exitCode, stderr } = await runProgram('/usr/sbin/ip', ['netns', 'add', name])
    if (exitCode !== 0) throw new Error(stderr)
  }
  const env = { PATH: process.env['PATH'] ?? '' }
  const [gateway, job] = [namespaceNamed(gw, env), namespaceNamed(jb, env)]
  const control = `${dir}/gateway.sock`
  const program = fileURLToPath(new URL('link-fake-gateway.ts', import.meta.url))
  const child = gateway.spawn(process.execPath, [program, control, behaviour], { stdio: ['ignore', 'pipe', 'inherit'] })
  const saw: Sight[] = []
  const arrivals = new EventTarget()
  if (child.stdout === null) throw new Error('the fake gateway has no output')
  createInterface(child.stdout).on('line', line => {
    const sight: unknown = JSON.parse(line)
    if (typeof sight !== 'object' || sight === null || !('event' in sight)) return
    saw.push({ ...sight, event: String(sight.event) })
    arrivals.dispatchEvent(new Event('sight'))
  })
  const until = async (event: string): Promise<void> => {
    while (!saw.some(sight => sight.event === event))
      await once(arrivals, 'sight', { signal: AbortSignal.timeout(20_000) })
  }
  await until('listening')
  return {
    job,
    gateway,
    control,
    saw,
    until,
    link: (...more) =>
      job.exec(onlyWith('net_admin')[0] ?? '', [
        ...onlyWith('net_admin').slice(1),
        sidecarInit,
        'link',
        '--job',
        'nightly',
        '--control',
        control,
        ...more,
      ]),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await remove(belongings)
    },
  }
}

/** Names of the interfaces in a namespace, sorted. */
export async function interfacesOf(namespace: Namespace): Promise<readonly string[]> {
  const { stdout } = await namespace.exec('ip', ['-j', 'link'])
  const links: unknown = JSON.parse(stdout)
  if (!Array.isArray(links)) throw new Error(stdout)
  return links.map((it: { readonly ifname: string }) => it.ifname).toSorted()
}

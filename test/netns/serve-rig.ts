import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { boundingSet } from '../../sidecar-init/capabilities.ts'
import { tidegate } from '../e2e/behind.ts'
import type { Line } from '../e2e/record-check.ts'
import type { Lab } from '../lab/lab.ts'
import type { Finished } from '../lab/program.ts'
import { until } from './machine-services.ts'

const sidecarInit = fileURLToPath(new URL('../../bin/sidecar-init', import.meta.url))

type Json = Readonly<Record<string, unknown>>

/** A gateway that serves many jobs, on the lab's host. Disposing kills it and the containers. */
export interface ServeRig extends AsyncDisposable {
  readonly pid: number
  readonly control: string
  readonly dir: string
  /** What it said: its own log, one JSON object a line. */
  log(): readonly Json[]
  kill(signal: NodeJS.Signals): void
  readonly ended: Promise<number | null>
  /** Writes a policy file: `NAME.yaml` of the policy folder. */
  policy(name: string, text: string): void
  /** A folder of the job's records, the last one. */
  record(job: string): string
  lines(job: string): readonly Line[]
  runFolder(job: string): string
  /** Connects to the control socket. */
  connect(): Promise<Talk>
  /** A network namespace that could be a container's, with nothing in it. `mounts`: shell commands that mount its volumes. */
  container(job: string, mounts?: string): Promise<Container>
}

/** The control socket as an init sees it. */
export interface Talk extends Disposable {
  ask(request: Json): Promise<Json>
  send(text: string): void
  /** The next line, asked for or not; undefined when the connection is closed instead. */
  next(): Promise<Json | undefined>
}

/** A container's namespaces: its network, and the job's folder at /run/tidegate. */
export interface Container {
  readonly pid: number
  readonly netns: string
  /** `sidecar-init link` of the job, or of another name. */
  link(...more: readonly string[]): Promise<Finished>
  /** A command in a shell with the init's one capability. */
  asInit(script: string): Promise<Finished>
  exec(file: string, args: readonly string[], options?: { readonly timeoutMs?: number }): Promise<Finished>
  /** The same in a shell, with the trust variables. */
  sh(script: string, options?: { readonly timeoutMs?: number }): Promise<Finished>
  /** Ends it: its namespace goes, and the wire with it. */
  kill(): Promise<void>
}

export interface ServeRigOptions {
  /** Policies of the folder, by name. */
  readonly policies: Readonly<Record<string, string>>
  /** Further keys of the configuration, as YAML; `jobs` is `"*": {}` if it does not say. */
  readonly more?: string
  /** That of an earlier gateway; default a new one. */
  readonly dir?: string
  /** As in a container, where /proc/sys may not be written. */
  readonly sysctlsReadOnly?: boolean
  /** False: low ports are for root alone, as on a machine. */
  readonly lowPorts?: boolean
  /** The gateway has SYS_PTRACE and DAC_READ_SEARCH as well, so that it may look at the processes of its jobs. */
  readonly mayLook?: boolean
  /** The gateway has SYS_ADMIN as well, so that the kernel tells it who writes to files. */
  readonly mayAdmin?: boolean
  /** Shell commands that mount the volumes which the gateway has. */
  readonly mounts?: string
}

let rigs = 0

/** Starts `tidegate serve` in the lab's host namespace and waits until it is ready. */
export async function openServeRig(
  lab: Lab,
  {
    policies,
    more = 'jobs: { "*": {} }\n',
    dir: earlier,
    sysctlsReadOnly = false,
    lowPorts = true,
    mayLook = false,
    mayAdmin = false,
    mounts = 'true',
  }: ServeRigOptions,
): Promise<ServeRig> {
  rigs += 1
  const dir = earlier ?? lab.file(`serve-${rigs}`)
  const control = `${dir}/control/gateway.sock`
  mkdirSync(`${dir}/policies`, { recursive: true })
  const policy = (name: string, text: string): void => writeFileSync(`${dir}/policies/${name}.yaml`, text)
  for (const [name, text] of Object.entries(policies)) policy(name, text)
  writeFileSync(
    `${dir}/gateway.yaml`,
    `version: 1\ncontrol: ${control}\npolicyFolder: policies\nrunDirectory: ${dir}/jobs\nlogDirectory: ${dir}/log\n${more}`,
  )
  // As container engines do.
  await lab.host.exec('sysctl', ['-qw', `net.ipv4.ip_unprivileged_port_start=${lowPorts ? 0 : 1024}`])
  // As the image has it: root with NET_ADMIN and nothing else.
  const serve = `exec setpriv --bounding-set=-all,+net_admin${mayLook ? ',+sys_ptrace,+dac_read_search' : ''}${mayAdmin ? ',+sys_admin' : ''} --inh-caps=-all ${tidegate} serve --config ${dir}/gateway.yaml`
  const readOnly = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys'
  const child = lab.host.spawn('unshare', [
    '--mount',
    'sh',
    '-c',
    sysctlsReadOnly ? `${mounts} && ${readOnly} && ${serve}` : `${mounts} && ${serve}`,
  ])
  const { pid, stderr } = child
  if (pid === undefined || stderr === null) throw new Error('tidegate cannot be started')
  const said: string[] = []
  createInterface(stderr).on('line', line => said.push(line))
  const ended = once(child, 'exit').then(() => child.exitCode)
  let isOver = false
  void ended.then(() => (isOver = true))
  await until(() => isOver || said.some(line => /"msg":"ready"/.test(line)))
  if (isOver) throw new Error(`serve ended: ${said.join('\n')}`)
  const containers: Container[] = []
  const record = (job: string): string => `${dir}/log/${job}/${readdirSync(`${dir}/log/${job}`).toSorted().at(-1)}`
  return {
    pid,
    control,
    dir,
    log: () => said.map((line): Json => (line.startsWith('{') ? JSON.parse(line) : { msg: line })),
    kill: signal => void process.kill(pid, signal),
    ended,
    policy,
    record,
    lines: job =>
      readFileSync(`${record(job)}/egress.ndjson`, 'utf8')
        .trim()
        .split('\n')
        .map((line): Line => JSON.parse(line)),
    runFolder: job => `${dir}/jobs/${job}`,
    connect: () => talk(control),
    async container(job, volumes = 'true') {
      const container = await openContainer(lab, { job, control, folder: `${dir}/jobs/${job}`, mounts: volumes })
      containers.push(container)
      return container
    },
    async [Symbol.asyncDispose]() {
      for (const container of containers) await container.kill()
      if (!isOver) child.kill('SIGKILL')
      await ended
    },
  }
}

async function talk(path: string): Promise<Talk> {
  const socket = createConnection({ path })
  await once(socket, 'connect')
  socket.on('error', () => undefined)
  const lines = createInterface(socket)[Symbol.asyncIterator]()
  const next = async (): Promise<Json | undefined> => {
    const { done, value } = await lines.next()
    if (done === true) return undefined
    const parsed: Json = JSON.parse(value)
    return parsed
  }
  return {
    next,
    send: text => void socket.write(text),
    async ask(request) {
      socket.write(`${JSON.stringify(request)}\n`)
      const reply = await next()
      if (reply === undefined) throw new Error('the connection is closed')
      return reply
    },
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

async function openContainer(
  lab: Lab,
  { job, control, folder, mounts }: Readonly<Record<'job' | 'control' | 'folder' | 'mounts', string>>,
): Promise<Container> {
  mkdirSync(folder, { recursive: true })
  const resolver = lab.file('container-resolv.conf')
  // Which address it names is no matter: DNS to any address ends in the gateway.
  writeFileSync(resolver, 'nameserver 203.0.113.53\noptions timeout:2 attempts:2\n')
  const child = lab.host.spawn('unshare', [
    '--net',
    '--mount',
    'sh',
    '-c',
    `mount -t sysfs none /sys && mount --bind ${resolver} /etc/resolv.conf && mkdir -p /run/tidegate && mount -t tmpfs none /run/tidegate && mount --bind ${folder} /run/tidegate && ${mounts} && exec sleep 900`,
  ])
  const { pid } = child
  if (pid === undefined) throw new Error('no container')
  const exited = once(child, 'exit')
  await until(async () => (await lab.host.exec('cat', [`/proc/${pid}/comm`])).stdout === 'sleep\n')
  const enter = ['--target', String(pid), '--net', '--mount']
  const { stdout: netns } = await lab.host.exec('readlink', [`/proc/${pid}/ns/net`])
  const inside = (bounds: string, file: string, args: readonly string[], options = {}): Promise<Finished> =>
    lab.host.exec(
      'nsenter',
      [...enter, 'setpriv', `--bounding-set=${bounds}`, '--inh-caps=-all', file, ...args],
      options,
    )
  const exec: Container['exec'] = (file, args, options) => inside(boundingSet, file, args, options)
  return {
    pid,
    netns: netns.trim(),
    link: (...more) => inside('-all,+net_admin', sidecarInit, ['link', '--job', job, '--control', control, ...more]),
    asInit: script => inside('-all,+net_admin', 'sh', ['-c', script]),
    exec,
    sh: (script, options) => exec('sh', ['-c', `. /run/tidegate/env; ${script}`], options),
    async kill() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await exited
    },
  }
}

/** Waits until nothing is left of a job at the gateway. */
export async function gone(rig: ServeRig, job: string): Promise<void> {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline; await delay(20)) {
    using line = await rig.connect()
    const { jobs } = await line.ask({ op: 'status' })
    const names = Array.isArray(jobs) ? jobs.map((it: { readonly job: string }) => it.job) : []
    if (!names.includes(job) && existsSync(`${rig.record(job)}/summary.json`)) return
  }
  throw new Error(`${job} is still there: ${JSON.stringify(rig.log())}`)
}

/** A policy that trusts the lab's origins. */
export function trusting(lab: Lab, policy: string): string {
  return `${policy}tls: { extraCa: [${lab.ca.certPath}] }\n`
}

/**
 * A gateway of nothing but the wire, for the tests beside it: it lays and proves a wire, runs one command in the job, and
 * prints what it saw as JSON. Options come as JSON in the first argument. Run it in the lab's host namespace.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { text } from 'node:stream/consumers'
import { GatewayError } from '../../gateway/errors.ts'
import { openAttribution } from '../../gateway/jobs/attribution.ts'
import { allProcesses } from '../../gateway/jobs/job-processes.ts'
import type { Job } from '../../gateway/jobs/job.ts'
import { openVirtualAddresses } from '../../gateway/jobs/virtual-addresses.ts'
import { parseAddress } from '../../gateway/net/address.ts'
import { parseCidr } from '../../gateway/net/cidr.ts'
import { parseHostname } from '../../gateway/net/hostname.ts'
import { parsePort } from '../../gateway/net/port.ts'
import { openLedger } from '../../gateway/packet/ledger.ts'
import { sweepDead } from '../../gateway/packet/gateway-end.ts'
import { run } from '../../gateway/packet/run.ts'
import { claimSlot, stateDirectory } from '../../gateway/packet/slots.ts'
import { openUdpFront } from '../../gateway/packet/udp-front.ts'
import { openWire, type WireSocket } from '../../gateway/packet/wire.ts'
import { parsePolicy } from '../../gateway/policy/document-parse.ts'
import type { FlowEvent, ProcessInfo } from '../../gateway/record/event.ts'
import { openFlow } from '../../gateway/record/open-flow.ts'
import { openJobPlace } from '../../sidecar-init/launch.ts'
import { checkMachine } from '../../sidecar-init/preflight.ts'
import { proveWire } from '../../sidecar-init/prove.ts'
import type { RigOptions, RigOutcome, Arrival } from './packet-rig-types.ts'

const options: RigOptions = JSON.parse(process.argv[2] ?? '{}')
const events: FlowEvent[] = []
const arrivals: Arrival[] = []

function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new TypeError('the rig was given something unreadable')
  return value
}

async function main(): Promise<RigOutcome> {
  const signal = AbortSignal.timeout(20_000)
  const tools = checkMachine()
  const directory = stateDirectory()
  const swept = await sweepDead(run, directory)
  const policy = parsePolicy(options.policy, 'rig.yaml', () => present(undefined))
  await using rig = new AsyncDisposableStack()
  const slot = rig.use(claimSlot(directory))
  const runDirectory = rig.adopt(mkdtempSync(`${tmpdir()}/tidegate-rig-`), path => rmSync(path, { recursive: true }))
  const cwd = options.cwd ?? '/'
  const started = performance.now()
  const placing = openJobPlace(
    tools,
    {
      runDirectory,
      staging: `${runDirectory}-staging`,
      nameserver: slot.gatewayAddress,
      cwd,
      uid: 0,
      gid: 0,
      environment: process.env,
    },
    signal,
  )
  const wiring = openWire({
    run,
    slot,
    jobPid: placing.then(({ initPid }) => initPid),
    mode: policy.mode,
    steering: 'tproxy',
    udpRanges: (options.udp ?? []).map(({ to, port }) => {
      const checked = present(parsePort(port))
      return { to, from: checked, upTo: checked }
    }),
    signal,
  })
  void Promise.allSettled([wiring])
  const place = rig.use(await placing)
  const wire = rig.use(await wiring)
  const proof = await proveWire(wire, place, policy.mode, signal)
  const provedMs = performance.now() - started

  const names = openVirtualAddresses({ pool: present(parseCidr('198.18.0.0/16')) })
  const resolved = new Map(
    Object.entries(options.names ?? {}).map(([name, address]) => [name, present(parseAddress(address))]),
  )
  const attribute = openAttribution({
    sockets: wire.sockets,
    processes: allProcesses(`/proc/${place.initPid}/root/proc`),
    failed: cause => {
      throw cause
    },
  })
  const write = (event: FlowEvent): void => void events.push(event)
  const job: Job = {
    name: 'rig',
    policy,
    onPolicyChange: () => ({ [Symbol.dispose]: () => undefined }),
    address: wire.jobAddress,
    names,
    sink: { write },
    recordFailed: false,
    openFlow: facts => openFlow(facts, write, () => Date.now()),
    newFlowId: () => 'f',
    attribute,
  }
  const front = rig.use(
    openUdpFront(
      { job, resolver: { resolve: host => Promise.resolve([present(resolved.get(host))]) } },
      { idleMs: 400 },
    ),
  )
  wire.serveUdp(datagram => front.receive(datagram))
  let readings = 0
  const ledger = openLedger(
    wire,
    job,
    {
      seen: () => (readings += 1),
      failed: cause => {
        throw cause
      },
    },
    { since: proof.reading },
  )
  const waiting: Promise<unknown>[] = []
  const serveTcp = (socket: WireSocket, kind: Arrival['kind']): void => {
    const server = createServer(connection => {
      const to = {
        address: present(parseAddress(connection.localAddress ?? '')),
        port: present(parsePort(connection.localPort ?? 0)),
      }
      const from = { address: wire.jobAddress, port: present(parsePort(connection.remotePort ?? 0)) }
      connection.resume().on('error', () => connection.destroy())
      const tell = async (): Promise<void> => {
        const who = await attribute({ transport: 'tcp', source: from, destination: to })
        arrivals.push(arrival(kind, to, connection.remoteAddress, who))
        connection.end(`door ${to.address}:${to.port}`)
      }
      waiting.push(tell())
    })
    server.listen({ fd: socket.descriptor() })
    rig.defer(async () => {
      server.close()
      await once(server, 'close')
    })
  }
  serveTcp(wire.door, 'door')
  serveTcp(wire.dnsTcp, 'dns-tcp')
  const dns = rig.adopt(createSocket('udp4').bind({ fd: wire.dnsUdp.descriptor() }), it => void it.close())
  dns.on('message', (data, { address, port }) => {
    const to = { address: wire.gatewayAddress, port: present(parsePort(53)) }
    const from = { address: wire.jobAddress, port: present(parsePort(port)) }
    const tell = async (): Promise<void> => {
      const who = await attribute({ transport: 'udp', source: from, destination: to })
      arrivals.push(arrival('dns-udp', to, address, who))
      dns.send(data, port, address)
    }
    waiting.push(tell())
  })
  const environment: Record<string, string> = { ...options.env, GATEWAY: wire.gatewayAddress, JOB: wire.jobAddress }
  for (const [name] of resolved) {
    const address = present(names.assign(present(parseHostname(name)), 60, 'named'))
    environment[`NAME_${name.replaceAll(/[.-]/g, '_')}`] = address
  }
  Object.assign(environment, {
    DEVICE: slot.device,
    DOOR_PORT: String(wire.door.port),
    INIT_PID: String(place.initPid),
  })
  for (const step of options.asHost ?? []) {
    const { exitCode, stderr } = await run('sh', ['-c', expand(step, environment)], { signal })
    if (exitCode !== 0) throw new Error(`${step}: ${stderr}`)
  }
  process.send?.({ ready: { table: slot.table, device: slot.device, initPid: place.initPid } })
  const inside = place.start({
    command: options.command,
    env: { PATH: process.env['PATH'], ...environment },
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, exited] = await Promise.all([
    text(present(inside.child.stdout ?? undefined)),
    text(present(inside.child.stderr ?? undefined)),
    inside.exited,
  ])
  await Promise.all(waiting)
  const intact = await wire.isIntact(signal)
  front[Symbol.dispose]()
  if (options.readLedger ?? true) await ledger[Symbol.asyncDispose]()
  return {
    swept,
    provedMs,
    checks: proof.checks,
    stdout,
    stderr,
    exited,
    arrivals,
    events,
    readings,
    intact,
    environment,
  }
}

function arrival(
  kind: Arrival['kind'],
  to: { readonly address: string; readonly port: number },
  from: string | undefined,
  who: ProcessInfo | undefined,
): Arrival {
  return { kind, to: `${to.address}:${to.port}`, from: from ?? '', ...(who === undefined ? {} : { process: who }) }
}

function expand(text_: string, values: Readonly<Record<string, string>>): string {
  return text_.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => present(values[name]))
}

try {
  process.stdout.write(JSON.stringify(await main()))
} catch (cause) {
  const known =
    cause instanceof GatewayError ? { code: cause.code, details: cause.details } : { code: 'BUG', details: {} }
  process.stdout.write(
    JSON.stringify({ failed: { ...known, message: cause instanceof Error ? (cause.stack ?? '') : String(cause) } }),
  )
}

import { posix } from 'node:path'
import { isMap, LineCounter, type Node, parseDocument } from 'yaml'
import type { Finding, FindingCode } from '../policy/finding.ts'
import { ComposeReader } from './compose-nodes.ts'
import { type ComposeService, readService } from './compose-services.ts'
import { type ComposeWire, isGated, serviceOf, wiresOf } from './compose-wires.ts'
import { forbiddenAmong } from './capabilities.ts'
import { hazardsOf } from './hazards.ts'

/** Longest file that is read, in characters. */
const maxLength = 4 * 1024 * 1024

/** Is it a compose file, going by its one sign: a mapping with `services`? Faults of the YAML are told when it is checked. Pure. */
export function isComposeFile(text: string): boolean {
  if (!/^["']?services["']?\s*:/m.test(text) || text.length > maxLength) return false
  const { contents } = parseDocument(text, { prettyErrors: false, uniqueKeys: false })
  return isMap<Node, Node | null>(contents) && contents.has('services')
}

/**
 * Checks how the services of a compose file hang on their gateway: who is on the job's side of a wire must have no other
 * network and nothing to leave with, and start when the wire is proved. Services that no gateway is concerned with are not
 * looked at. Pure.
 */
export function checkCompose(text: string, file: string): readonly Finding[] {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const findings: Finding[] = []
  const report = (severity: Finding['severity'], code: FindingCode, at: number, what: string, fix: string): void => {
    const { line, col } = lines.linePos(at)
    findings.push({ severity, code, what, fix, file, line: Math.max(1, line), column: Math.max(1, col) })
  }
  for (const fault of document.errors) report('error', 'YAML', fault.pos[0], fault.message, 'correct the YAML')
  if (findings.length > 0) return findings
  const services = readServices(new ComposeReader(document), document.contents)
  const wires = wiresOf(services)
  const inits = new Set(wires.map(({ init }) => init))
  for (const wire of wires) {
    checkInit(wire, report)
    for (const service of wire.attached) checkAttached(service, wire, report)
    for (const service of services.values()) if (!inits.has(service)) checkStranger(service, wire, report)
  }
  const attached = new Set(wires.flatMap(wire => wire.attached))
  for (const service of services.values()) {
    const joined = serviceOf(service.shape.networkMode)
    // A file that is merged over another one: the network it joins is most likely the job's.
    if (joined !== undefined && !services.has(joined)) checkHazards(service, report)
    else if (!attached.has(service)) checkLabelled(service, report)
  }
  const placed = findings.toSorted((a, b) => a.line - b.line || a.column - b.column)
  return placed.filter((finding, index) => !isSame(finding, placed[index - 1]))
}

type Report = (severity: Finding['severity'], code: FindingCode, at: number, what: string, fix: string) => void

function readServices(reader: ComposeReader, root: Node | null): ReadonlyMap<string, ComposeService> {
  const devices = new Map(
    reader.entries(reader.at(root, 'volumes')?.node).flatMap(({ key, node }) => {
      const device = reader.text(reader.at(reader.at(node, 'driver_opts')?.node, 'device')?.node)
      return device === undefined ? [] : [[key, device.value] as const]
    }),
  )
  const all = reader.entries(reader.at(root, 'services')?.node)
  return new Map(all.map(({ key, keyAt, node }) => [key, readService(reader, key, keyAt, node, devices)]))
}

function checkInit({ init, net, gateway }: ComposeWire, report: Report): void {
  const { name, at, shape } = init
  if (gateway === undefined) {
    const fix = 'write pid: service:GATEWAY, with the gateway’s service'
    report('error', 'INIT_INCOMPLETE', at, `${name} lays a wire and does not share a gateway’s pid namespace`, fix)
  }
  if (net === undefined) {
    const fix = 'write network_mode: service:NET, with a service that has network_mode: none'
    report('error', 'INIT_INCOMPLETE', at, `${name} lays a wire and is in no service’s network`, fix)
  }
  if (!forbiddenAmong(shape.added).includes('NET_ADMIN')) {
    report('error', 'INIT_INCOMPLETE', at, `${name} lays a wire and lacks NET_ADMIN`, 'write cap_add: [NET_ADMIN]')
  }
}

/** A service on the job's side. */
function checkAttached(service: ComposeService, wire: ComposeWire, report: Report): void {
  const { name, at, shape, places, networks } = service
  const { init, net, gateway } = wire
  if (service === net && shape.networkMode !== 'none') {
    const where = places.networkMode?.[0] ?? at
    report('error', 'OWN_NETWORK', where, `${name} has a network beside the wire`, 'write network_mode: none')
  }
  if (networks !== undefined) {
    report('error', 'OWN_NETWORK', networks.at, `${name} is on networks beside the wire`, 'take networks away')
  }
  checkHazards(service, report)
  if (service.extendsFile !== undefined) {
    const fix = 'check that file, or write the service out'
    report('warning', 'UNSEEN', service.extendsFile.at, `${name} extends another file, which is not looked at`, fix)
  }
  if (gateway !== undefined) checkVolumes(service, gateway, report)
  if (service === net && net !== undefined && !wire.attached.some(other => other !== net))
    return checkGate(service, init, report)
  if (service !== net) checkGate(service, init, report)
}

/** Before the wire there is no network: what starts too early does not get out, but fails. */
function checkGate(service: ComposeService, init: ComposeService, report: Report): void {
  const condition = service.dependsOn.get(init.name)
  if (isGated(service) || condition === 'service_completed_successfully' || condition === 'service_healthy') return
  // The service that the init joins cannot wait for it.
  const joined = serviceOf(init.shape.networkMode) === service.name
  const gate = 'entrypoint: [/run/tidegate/wait, --]'
  const fix = joined
    ? `write ${gate}`
    : `write depends_on: { ${init.name}: { condition: service_healthy } }, or ${gate}`
  report('warning', 'NOT_GATED', service.at, `${service.name} does not wait for the wire`, fix)
}

function checkHazards(service: ComposeService, report: Report): void {
  for (const { field, index, what, fix } of hazardsOf(service.shape)) {
    report(
      'error',
      'UNSAFE_CONTAINER',
      service.places[field]?.[index ?? 0] ?? service.at,
      `${service.name} ${what}`,
      fix,
    )
  }
}

const controlFolder = '/run/tidegate-control'

/** What the gateway has, in a job's container: its control socket never, the rest only to be read. */
function checkVolumes(service: ComposeService, gateway: ComposeService, report: Report): void {
  const control = new Set(gateway.mounts.flatMap(({ source, target }) => (target === controlFolder ? [source] : [])))
  for (const { source, target, readOnly, at } of service.mounts) {
    if (source === '') continue
    if (control.has(source) || target === controlFolder) {
      const fix = 'take it away; only the gateway and the init have it'
      report('error', 'UNSAFE_CONTAINER', at, `${service.name} has the gateway’s control socket`, fix)
    } else if (!readOnly) {
      for (const theirs of gateway.mounts.filter(mount => mount.source !== '' && covers(source, mount.source))) {
        // Shown read-only over the writable folder, it is safe there.
        if (service.mounts.some(mount => mount.readOnly && covers(mount.source, theirs.source))) continue
        const what = `${service.name} may write to ${theirs.source}, which the gateway ${theirs.readOnly ? 'reads' : 'writes'}`
        const fix = theirs.readOnly
          ? 'mount that path over it, read-only, or keep it elsewhere'
          : 'mount it read-only (:ro)'
        report(theirs.readOnly ? 'warning' : 'error', 'UNSAFE_CONTAINER', at, what, fix)
      }
    }
  }
}

/** Is the inner path, or volume, the outer one or below it? */
function covers(outer: string, inner: string): boolean {
  const [folder, path] = [outer, inner].map(name =>
    /^[./~]/.test(name) ? posix.normalize(`${name}/`) : `volume:${name}/`,
  )
  if (folder === undefined || path === undefined) return false
  return (
    path.startsWith(folder) ||
    (folder === './' && !path.startsWith('/') && !path.startsWith('../') && inner.startsWith('.'))
  )
}

/** A service that is not on the wire, and looks as if it should be, or stands where only the gateway may. */
function checkStranger(service: ComposeService, { init, net, gateway, attached }: ComposeWire, report: Report): void {
  if (service === gateway || attached.includes(service)) return
  const { name, at, shape, places, dependsOn } = service
  if (gateway !== undefined && serviceOf(shape.networkMode) === gateway.name) {
    const where = places.networkMode?.[0] ?? at
    report('error', 'OWN_NETWORK', where, `${name} is in the gateway’s own network, past every rule`, joinFix(net))
  }
  if (gateway !== undefined && serviceOf(shape.pidMode) === gateway.name) {
    const where = places.pidMode?.[0] ?? at
    report('error', 'UNSAFE_CONTAINER', where, `${name} shares the gateway’s pid namespace`, 'give it its own')
  }
  if (dependsOn.has(init.name) && serviceOf(shape.networkMode) === undefined) {
    const where = places.networkMode?.[0] ?? at
    report('error', 'OWN_NETWORK', where, `${name} waits for the wire, and has a network of its own`, joinFix(net))
  }
}

/** A service that `sidecar-init docker` is to link. */
function checkLabelled(service: ComposeService, report: Report): void {
  if (!service.labels.has('tidegate.job')) return
  const { name, at, shape, places } = service
  if (shape.networkMode !== 'none') {
    report(
      'error',
      'OWN_NETWORK',
      places.networkMode?.[0] ?? at,
      `${name} has a network beside the wire`,
      'write network_mode: none',
    )
  }
  checkHazards(service, report)
}

function joinFix(net: ComposeService | undefined): string {
  return `write network_mode: service:${net?.name ?? 'NET'}`
}

function isSame(a: Finding, b: Finding | undefined): boolean {
  return b !== undefined && a.line === b.line && a.column === b.column && a.code === b.code && a.what === b.what
}

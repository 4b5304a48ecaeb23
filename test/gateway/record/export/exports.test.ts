import { Ajv2020 } from 'ajv/dist/2020.js'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import { renderCycloneDx } from '../../../../gateway/record/export/cyclonedx.ts'
import { ecsEvent } from '../../../../gateway/record/export/ecs.ts'
import { renderInToto } from '../../../../gateway/record/export/in-toto.ts'
import { ocsfEvent } from '../../../../gateway/record/export/ocsf.ts'
import type { FlowEvent } from '../../../../gateway/record/event.ts'
import { JobSummary } from '../../../../gateway/record/job-summary.ts'
import type { Summary } from '../../../../gateway/record/summary-shape.ts'

const sha256 = 'ab'.repeat(32)
const process = { pid: 7, exe: '/usr/bin/node', command: 'node npm install', uid: 1_000, parents: ['/bin/sh'] }

const http: FlowEvent = {
  layer: 'http',
  startedAt: 1_700_000_000_123.4,
  flow: 'f-1',
  host: 'npm.test',
  address: '198.51.100.10',
  port: 443,
  protocol: 'h2',
  method: 'GET',
  path: '/lib/-/lib-1.0.0.tgz',
  status: 200,
  verdict: 'allow',
  reason: 'rule',
  rule: 'allow[0] npm.test',
  inspected: true,
  bytesSent: 100,
  bytesReceived: 2_000,
  durationMs: 12.5,
  process,
  details: { purl: 'pkg:npm/lib@1.0.0', sha256, sha512: 'cd'.repeat(64), promise: 'kept' },
}

function summaryOf(events: readonly FlowEvent[], head: string | undefined = 'e'.repeat(64)): Summary {
  const summary = new JobSummary('build')
  for (const event of events) summary.write(event)
  return summary.summary({ state: 'sealed', lines: events.length, lost: 0, ...(head === undefined ? {} : { head }) })
}

const odd: readonly FlowEvent[] = [
  http,
  http,
  { ...http, details: { purl: 'pkg:npm/%40acme/ui@2.0.0', sha256: 'ef'.repeat(32), promise: 'none', age: 'unknown' } },
  { ...http, host: 'mirror.test' },
  { ...http, details: { purl: 'pkg:oci/app@sha256:aa?repository_url=r.test%2Fapp', sha256 } },
  { ...http, details: { purl: 'no package URL at all', sha256 } },
  {
    ...http,
    verdict: 'deny',
    reason: 'denied-by-rule',
    rule: 'packages.deny[0] pkg:npm/evil',
    details: { purl: 'pkg:npm/evil@1.0.0' },
  },
  { ...http, verdict: 'deny', details: { purl: 'pkg:npm/forged@1.0.0', sha256, promise: 'broken' } },
  { ...http, status: 404, details: { purl: 'pkg:npm/gone@1.0.0' } },
]

t.test('renderCycloneDx(): valid by the schema, whatever is in it; only what came in', async t => {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6)
  for (const summary of [summaryOf([]), summaryOf(odd), summaryOf(odd, '')]) {
    t.equal(await validator.validate(renderCycloneDx(summary)), null)
  }
  const text = renderCycloneDx(summaryOf(odd))
  t.equal(renderCycloneDx(summaryOf(odd)), text, 'the same log, the same document')
  const bom: {
    readonly serialNumber: string
    readonly components: readonly { readonly purl: string; readonly type: string; readonly group?: string }[]
  } = JSON.parse(text)
  t.equal(bom.serialNumber, 'urn:uuid:eeeeeeee-eeee-8eee-aeee-eeeeeeeeeeee')
  t.same(
    new Set(bom.components.map(({ purl, type, group = '' }) => `${type} ${group} ${purl}`)),
    new Set([
      'library  pkg:npm/lib@1.0.0',
      'library @acme pkg:npm/%40acme/ui@2.0.0',
      'container  pkg:oci/app@sha256:aa?repository_url=r.test%2Fapp',
      'library  no package URL at all',
    ]),
  )
  t.equal(bom.components.length, 5, 'one for each registry')
})

t.test('renderInToto(): what was reached, what came in, of which log', async t => {
  const udp: FlowEvent = { ...http, layer: 'udp', protocol: 'udp', host: 'time.test', port: 123 }
  const statement: unknown = JSON.parse(renderInToto(summaryOf([...odd, udp]), sha256))
  t.match(statement, {
    _type: 'https://in-toto.io/Statement/v1',
    predicateType: 'https://in-toto.io/attestation/runtime-trace/v0.2',
    subject: [{ name: 'egress.ndjson', digest: { sha256 } }],
    predicate: {
      monitoredProcess: { event: 'build' },
      monitorLog: {
        network: [
          { hostname: 'npm.test', port: 443, protocol: 'tcp' },
          { hostname: 'mirror.test', port: 443, protocol: 'tcp' },
          { hostname: 'time.test', port: 123, protocol: 'udp' },
        ],
        fileAccess: [{ uri: 'pkg:npm/lib@1.0.0', digest: { sha256, sha512: 'cd'.repeat(64) } }],
      },
    },
  })
})

const line = { job: 'build', seq: 3 }

t.test('ocsfEvent(): the class of each layer', async t => {
  t.match(ocsfEvent({ ...line, event: http }), {
    class_uid: 4002,
    activity_id: 3,
    type_uid: 400_203,
    action_id: 1,
    status_id: 1,
    time: 1_700_000_000_123,
    dst_endpoint: { hostname: 'npm.test', ip: '198.51.100.10', port: 443 },
    http_request: { http_method: 'GET', url: { path: '/lib/-/lib-1.0.0.tgz', scheme: 'https' } },
    http_response: { code: 200 },
    traffic: { bytes_out: 100, bytes_in: 2_000 },
    actor: { process: { pid: 7, file: { name: 'node' } } },
    firewall_rule: { name: 'allow[0] npm.test' },
  })
  const dns: FlowEvent = {
    layer: 'dns',
    startedAt: 0,
    host: 'npm.test',
    qtype: 'A',
    rcode: 'NOERROR',
    verdict: 'deny',
    reason: 'no-rule',
  }
  t.match(ocsfEvent({ ...line, event: dns }), {
    class_uid: 4003,
    type_uid: 400_306,
    action_id: 2,
    status_id: 2,
    query: { hostname: 'npm.test', type: 'A' },
    rcode_id: 0,
    rcode: 'NoError',
  })
  t.match(ocsfEvent({ ...line, event: { ...http, layer: 'tcp', verdict: 'deny' } }), {
    class_uid: 4001,
    activity_id: 5,
    connection_info: { protocol_name: 'tcp' },
  })
  t.equal(ocsfEvent({ ...line, event: { layer: 'job', startedAt: 0, event: 'sealed' } }), undefined)
})

t.test('ecsEvent(): a line of each kind', async t => {
  t.match(ecsEvent({ ...line, event: http }), {
    '@timestamp': '2023-11-14T22:13:20.123Z',
    event: {
      kind: 'event',
      category: ['network'],
      type: ['connection', 'allowed'],
      outcome: 'success',
      duration: 12_500_000,
      sequence: 3,
    },
    destination: { domain: 'npm.test', ip: '198.51.100.10', port: 443 },
    http: { request: { method: 'GET', bytes: 100 }, response: { status_code: 200, bytes: 2_000 } },
    network: { transport: 'tcp', protocol: 'http', bytes: 2_100 },
    process: { pid: 7, name: 'node' },
    labels: { job: 'build', verdict: 'allow' },
  })
  t.match(ecsEvent({ ...line, event: { ...http, verdict: 'deny' } }), {
    event: { type: ['connection', 'denied'], outcome: 'failure' },
  })
  t.match(ecsEvent({ ...line, event: { layer: 'file', startedAt: 0, event: 'overwritten', path: 'a.c' } }), {
    event: { kind: 'alert', category: ['file'] },
    file: { path: 'a.c' },
  })
  t.match(ecsEvent({ ...line, event: { layer: 'job', startedAt: 0, event: 'sealed' } }), {
    event: { type: ['info'], outcome: 'unknown' },
  })
})

/** A line of each layer, with everything that it may have, and with next to nothing. */
const lines: readonly FlowEvent[] = [
  http,
  { ...http, method: 'PATCH', verdict: 'deny', reason: 'no-rule', error: 'UPSTREAM_TIMEOUT' },
  { layer: 'http', startedAt: 0, method: 'PROPFIND', host: 'a.test', verdict: 'observe', reason: 'no-rule' },
  {
    layer: 'dns',
    startedAt: 0,
    host: 'a.test',
    qtype: 'A',
    rcode: 'NOERROR',
    verdict: 'allow',
    reason: 'rule',
    process,
  },
  {
    layer: 'dns',
    startedAt: 0,
    host: 'a.test',
    qtype: 'TYPE65535',
    rcode: 'BADVERS',
    verdict: 'deny',
    reason: 'no-rule',
  },
  { layer: 'dns', startedAt: 0, host: 'a.test', verdict: 'deny', reason: 'no-rule' },
  { ...http, layer: 'tls', protocol: 'tls' },
  {
    layer: 'tcp',
    startedAt: 0,
    address: '198.51.100.10',
    port: 22,
    protocol: 'tcp',
    verdict: 'deny',
    reason: 'no-rule',
  },
  {
    layer: 'udp',
    startedAt: 0,
    host: 'a.test',
    port: 123,
    protocol: 'udp',
    verdict: 'allow',
    bytesSent: 1,
    bytesReceived: 2,
  },
  {
    layer: 'packet',
    startedAt: 0,
    address: '203.0.113.5',
    protocol: 'icmp',
    packets: 4,
    verdict: 'deny',
    reason: 'protocol',
  },
  { layer: 'file', startedAt: 0, event: 'overwritten', path: 'a.c', process },
  { layer: 'job', startedAt: 0, event: 'sealed' },
  { layer: 'job', startedAt: 0, event: 'canary', host: 'a.test', details: { kind: 'canary', note: 'seen' }, process },
]

function fixture(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(`../../../fixtures/${name}`, import.meta.url), 'utf8'))
}

t.test('ocsfEvent(): every event is one of the published schema, and names its profiles', async t => {
  const { classes, $defs } = fixture('ocsf-1.6.0.json')
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  const check = ajv.compile({
    $defs: { ...Object($defs), ...Object(classes) },
    oneOf: Object.keys(Object(classes)).map(name => ({ $ref: `#/$defs/${name}` })),
  })
  let events = 0
  for (const event of lines) {
    const text = JSON.stringify(ocsfEvent({ ...line, event }))
    if (text === undefined) continue
    events += 1
    const made: { readonly actor?: object; readonly metadata: { readonly profiles: readonly string[] } } =
      JSON.parse(text)
    t.ok(check(made), `${event.layer}: ${JSON.stringify(check.errors)}`)
    t.equal(made.metadata.profiles.includes('host'), made.actor !== undefined)
  }
  t.equal(events, 10)
  const right = ocsfEvent({ ...line, event: http })
  t.notOk(check({ ...right, made_up: 1 }), 'the check can fail')
  t.notOk(check({ ...right, http_request: { http_method: 'PROPFIND' } }))
})

/** The values that ECS lists for its categorisation fields and directions. */
const ecsValues: Readonly<Record<string, RegExp>> = {
  'event.kind': /^(?:alert|event)$/,
  'event.category': /^(?:file|network)$/,
  'event.type': /^(?:allowed|change|connection|denied|info)$/,
  'event.outcome': /^(?:failure|success|unknown)$/,
  'network.direction': /^egress$/,
}

t.test('ecsEvent(): every field is one of the published ones, or ours', async t => {
  const fields = fixture('ecs-9.4.0.json')
  for (const event of lines) {
    const made: object = JSON.parse(JSON.stringify(ecsEvent({ ...line, event })))
    for (const [name, value] of leaves(made)) {
      if (/^(?:tidegate\.details|labels)\./.test(name)) continue
      const type = String(fields[name])
      t.ok(type.includes(typeof value) || type === `'${String(value)}'`, `${event.layer}: ${name} is ${type}`)
      const listed = ecsValues[name]
      if (listed !== undefined) t.match(value, listed, name)
    }
  }
  t.match(ecsEvent({ ...line, event: { layer: 'job', startedAt: 0, event: 'sealed' } }), { event: { kind: 'event' } })
  t.match(ecsEvent({ ...line, event: { layer: 'job', startedAt: 0, event: 'canary' } }), { event: { kind: 'alert' } })
})

function leaves(value: object, path = ''): readonly (readonly [name: string, value: unknown])[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const name = Array.isArray(value) ? path : path === '' ? key : `${path}.${key}`
    return typeof inner === 'object' && inner !== null ? leaves(inner, name) : [[name, inner] as const]
  })
}
